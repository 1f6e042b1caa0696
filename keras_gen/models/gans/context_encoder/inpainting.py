"""Models that predict the pixels of an image that a mask hides."""

import numpy as np
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.engine import Examples, Signature
from keras_gen.models.conditioning import ExampleModel


class InpaintingModel(ExampleModel):
    """An encoder of what is visible, and a decoder of what is predicted.

    A subclass has both networks, `image_shape`, `fill`, and `hole`, the side
    of the center that is predicted, with its mask `center`, or `None` if all
    of an image is.
    """

    shape_argument = "image_shape"

    def context(self, x, mask):
        """Images whose hidden pixels are filled."""
        fill = ops.convert_to_tensor(self.fill, dtype=x.dtype)
        return ops.where(mask, fill, x)

    def predicted_part(self, x):
        """The part of images, or of masks, that is predicted."""
        if not self.hole:
            return x
        top, left = ((side - self.hole) // 2 for side in self.image_shape[:2])
        return x[:, top : top + self.hole, left : left + self.hole]

    def encode_step(self, x, training=False):
        """The codes of images."""
        return at_least_float32(self.encoder(x, training=training))

    def predict_hidden_step(self, x, mask, training=False):
        """`F(c)`."""
        codes = self.encoder(self.context(x, mask), training=training)
        return at_least_float32(self.decoder(codes, training=training))

    def inpaint_step(self, x, mask=None):
        """Images whose hidden pixels are predicted, and no others."""
        mask = ops.convert_to_tensor(self.center) if self.hole else mask > 0.5
        predicted = self.predict_hidden_step(x, mask)
        if self.hole:
            border = [
                2 * [(side - self.hole) // 2] for side in self.image_shape[:2]
            ]
            predicted = ops.pad(predicted, [[0, 0], *border, [0, 0]])
        return ops.where(mask, predicted, at_least_float32(x))

    def call(self, inputs, training=False):
        """Inpaints images, or a list of images and masks."""
        return self.inpaint_step(*([inputs] if self.hole else inputs))

    # ---- Inference ----------------------------------------------------------

    def inpaint(self, x, mask=None, *, batch_size: int = 256) -> np.ndarray:
        """Inpaints images.

        Args:
            mask: Array of shape `(n, height, width)`, or `(height, width)` for
                all images, which is 1 or `True` where pixels are missing.
                `None` for a model of the center.

        Returns:
            Array of images. What is not missing is as it was.
        """
        x = self.as_array("x", self.data_spec().x, x)
        if self.hole and mask is not None:
            raise ValueError(
                f"`mask` of {type(self).__name__} must be None where it "
                "predicts the center. Received: a mask. Build it with "
                '`mask="random_region"`.'
            )
        masks = [] if self.hole else [self._checked_masks(mask, len(x))]
        step = self.inpaint_step
        return self.run_batched(step, x, *masks, batch_size=batch_size)

    def _checked_masks(self, mask, n):
        shape = (n, *self.image_shape[:2])
        if np.shape(mask) not in (shape, shape[1:]):
            raise ValueError(
                f"`mask` must be an array of shape {shape}, or {shape[1:]} for "
                f"all images. Received: shape={np.shape(mask)}."
            )
        masks = np.asarray(mask, "float32")
        return np.broadcast_to(masks, shape)[..., None]

    def encode(self, x, *, batch_size: int = 256) -> np.ndarray:
        """The codes of images as they are, features for other tasks."""
        return self.run(self.encode_step, x, batch_size=batch_size)

    def signatures(self):
        x = self.data_spec().x
        inputs = {"x": x}
        if not self.hole:
            mask = (*self.image_shape[:2], 1)
            inputs["mask"] = Examples(mask, "image_shape", (0.0, 1.0))
        inpaint = Signature(self.inpaint_step, inputs, ("inpainted",))
        return {
            "serving_default": inpaint,
            "inpaint": inpaint,
            "encode": Signature(self.encode_step, {"x": x}, ("codes",)),
        }

    def served_networks(self):
        return [self.encoder, self.decoder]
