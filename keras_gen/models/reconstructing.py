"""What all models share that encode examples and decode codes."""

import numpy as np
from keras import ops

from keras_gen.engine import GenerativeModel, Signature


class ReconstructingModel(GenerativeModel):
    """A model with an encoder and a decoder of examples of one shape.

    A subclass sets `input_shape` and `latent_dim` and defines `encode_step`
    and `decode_step`, which take and return tensors.
    """

    players = {"model": ["encoder", "decoder"]}

    def encode_step(self, x):
        """The codes of a batch, without noise."""
        raise TypeError(f"{type(self).__name__} defines no `encode_step`.")

    def decode_step(self, z):
        """What a batch of codes stands for."""
        raise TypeError(f"{type(self).__name__} defines no `decode_step`.")

    def prepare_batch(self, batch):
        shape = tuple(batch.x.shape)
        expected = (None, *self.input_shape)
        if len(shape) != len(expected) or any(
            e is not None and s is not None and s != e
            for s, e in zip(shape, expected, strict=True)
        ):
            raise ValueError(
                f"{type(self).__name__} was built for inputs of shape "
                f"{expected}. Received: shape={shape}. Resize the data or "
                f"build the model with `input_shape={shape[1:]}`."
            )
        return batch._replace(x=ops.cast(batch.x, "float32"))

    def checked(self, x) -> np.ndarray:
        """`x` as a float32 array, if it has the model's shape."""
        x = np.asarray(x, "float32")
        if x.shape[1:] != tuple(self.input_shape):
            raise ValueError(
                f"{type(self).__name__} takes a batch of shape "
                f"{(None, *self.input_shape)}. Received: shape={x.shape}. "
                "Add the batch axis, resize, or build the model with "
                "another `input_shape`."
            )
        return x

    def call(self, inputs, training=False):
        """Reconstructs."""
        return self.decode_step(self.encode_step(inputs))

    def encode(self, x, batch_size: int = 256):
        """The codes of examples.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Array of shape `(n, latent_dim)`.
        """
        return self.run_batched(
            self.encode_step, self.checked(x), batch_size=batch_size
        )

    def decode(self, z, batch_size: int = 256) -> np.ndarray:
        """What codes stand for.

        Args:
            z: Array of shape `(n, latent_dim)`.
            batch_size: Integer.

        Returns:
            Array of shape `(n, *input_shape)`.
        """
        return self.run_batched(
            self.decode_step,
            np.asarray(z, "float32"),
            batch_size=batch_size,
        )

    def reconstruct(self, x, batch_size: int = 256) -> np.ndarray:
        """`x` through its code and back.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Array of shape `(n, *input_shape)`.
        """
        return self.run_batched(self, self.checked(x), batch_size=batch_size)

    def interpolate(self, a, b, steps: int = 10) -> np.ndarray:
        """Decodes the straight lines between the codes of pairs.

        Args:
            a: Array of shape `(n, *input_shape)`.
            b: Array of the same shape.
            steps: Integer. The points of each line, both ends included.

        Returns:
            Array of shape `(n, steps, *input_shape)`.
        """
        start, stop = self.codes(a), self.codes(b)
        share = np.linspace(0.0, 1.0, steps, dtype="float32")[:, None]
        codes = start[:, None] + share * (stop - start)[:, None]
        images = self.decode(codes.reshape(-1, codes.shape[-1]))
        return images.reshape(len(start), steps, *images.shape[1:])

    def codes(self, x) -> np.ndarray:
        """The points between which `interpolate` draws lines."""
        return self.encode(x)

    def traverse(self, x, dims=None, values=None) -> np.ndarray:
        """Decodes the code of `x` with one coordinate replaced at a time.

        Args:
            x: Array of shape `input_shape`, one example.
            dims: Sequence of coordinates. Defaults to all.
            values: Sequence of the values they take. Defaults to seven from
                -3 to 3.

        Returns:
            Array of shape `(len(dims), len(values), *input_shape)`.
        """
        code = self.traversed_codes(np.asarray(x)[None])[0]
        dims = range(self.latent_dim) if dims is None else dims
        values = np.linspace(-3.0, 3.0, 7) if values is None else values
        codes = np.tile(code, (len(dims), len(values), 1))
        for row, dim in enumerate(dims):
            codes[row, :, dim] = values
        images = self.decode_traversed(codes.reshape(-1, self.latent_dim))
        return images.reshape(len(dims), len(values), *images.shape[1:])

    def traversed_codes(self, x) -> np.ndarray:
        """The codes of `x` whose coordinates `traverse` replaces."""
        return self.codes(x)

    def decode_traversed(self, z) -> np.ndarray:
        """What `traverse` shows of such codes."""
        return self.decode(z)

    def signatures(self):
        x = {"x": (None, *self.input_shape)}
        z = {"z": (None, self.latent_dim)}
        return {
            "serving_default": Signature(self.call, x, ("reconstruction",)),
            "encode": Signature(self.encode_step, x, ("code",)),
            "decode": Signature(self.decode_step, z, ("x",)),
        }

    def served_networks(self):
        return [self.encoder, self.decoder]


def require_option(name, value, options):
    """Raises unless `value` is one of `options`."""
    if value not in options:
        raise ValueError(
            f"`{name}` must be one of {list(options)}. Received: "
            f"{name}={value!r}."
        )


def class_labels(owner, labels):
    """Labels as an int32 tensor of shape `(batch,)`.

    Args:
        owner: String. The name of the model.
        labels: Tensor of shape `(batch,)` or `(batch, 1)`.
    """
    shape = tuple(labels.shape)
    if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
        raise ValueError(
            f"{owner} takes integer labels of shape (batch,), one number for "
            f"each example. Received: shape={shape}. If they are one-hot, "
            "pass `labels.argmax(axis=-1)`."
        )
    return ops.cast(ops.reshape(labels, (-1,)), "int32")
