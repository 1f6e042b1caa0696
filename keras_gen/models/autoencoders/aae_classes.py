"""What adversarial autoencoders with classes share: labels, styles."""

import numpy as np
from keras import ops

from keras_gen.engine import Signature
from keras_gen.models.reconstructing import class_labels

UNLABELLED = -1


class Labelled:
    """Mixed into a model that is trained with `fit(x, labels)`."""

    lowest_label = UNLABELLED
    supervised = True

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self._arguments["num_classes"]

    def check_arrays(self, x, y):
        if not self.supervised:
            return super().check_arrays(x, y)
        super().check_arrays(x, None)
        if y is not None:
            self.check_labels(y)

    def check_labels(self, labels):
        """Raises unless all labels are of classes, or of none."""
        lowest, highest = self.lowest_label, self.num_classes - 1
        if labels.min() < lowest or labels.max() > highest:
            raise ValueError(
                f"Labels must be from 0 to {highest}, as the model has "
                f"{self.num_classes} classes"
                f"{', or -1 for unlabelled' if lowest < 0 else ''}. Received "
                f"labels from {labels.min()} to {labels.max()}."
            )

    def prepare_batch(self, batch):
        if not self.supervised:
            return super().prepare_batch(batch)
        labels = batch.y
        batch = super().prepare_batch(batch._replace(y=None))
        if labels is None:
            raise ValueError(
                f"{type(self).__name__} is trained with classes. Received "
                "data without labels. Call `fit(x, labels)`"
                f"{', with -1 for unlabelled' if self.lowest_label else ''}."
            )
        return batch._replace(y=class_labels(type(self).__name__, labels))

    def target(self, batch):
        return batch.x if self.supervised else super().target(batch)


class ClassConditional:
    """Mixed into a model that decodes a class and a style."""

    def one_hot(self, labels):
        """Labels as rows with a one."""
        return ops.one_hot(labels, self.num_classes, dtype="float32")

    def join(self, classes, styles):
        """What the decoder is given, for rows of classes and styles."""
        return ops.concatenate([classes, styles], axis=-1)

    def decode_parts(self, classes, styles):
        """Decodes tensors of classes, one row for each, and of styles."""
        joined = self.join(classes, styles)
        return self.mean(self.decoder(joined, training=False))

    def checked_labels(self, labels, n):
        """`labels` as an array of `n` classes, given one for all or each."""
        labels = np.asarray(labels)
        if labels.shape not in ((), (n,)) or not np.all(
            (labels >= 0) & (labels < self.num_classes)
        ):
            raise ValueError(
                f"`labels` must be {n} integers from 0 to "
                f"{self.num_classes - 1}, or one for all. Received: "
                f"labels={labels}."
            )
        return np.broadcast_to(labels, (n,)).astype("int32")

    def classes_of_labels(self, labels, n):
        """`labels` as an array of `n` rows with a one."""
        rows = np.eye(self.num_classes, dtype="float32")
        return rows[self.checked_labels(labels, n)]

    def sample(
        self,
        num_samples: int,
        seed: int | None = None,
        labels=None,
        styles=None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Decodes classes and styles.

        Args:
            num_samples: Integer.
            seed: Integer for the same samples each time, or `None` to draw
                on from the model's own seed.
            labels: Array of `num_samples` classes (or clusters), or one for
                all. Defaults to each in turn.
            styles: Array of shape `(num_samples, latent_dim)`. Defaults to
                draws from the prior.
            batch_size: Integer.

        Returns:
            Array of shape `(num_samples, *input_shape)`.
        """
        if labels is None:
            labels = np.arange(num_samples) % self.num_classes
        if styles is None:
            seed = self.prior_seed if seed is None else seed
            styles = self.prior.sample(num_samples, seed=seed)
            styles = ops.convert_to_numpy(styles)
        return self.run_batched(
            self.decode_parts,
            self.classes_of_labels(labels, num_samples),
            self.checked_styles(styles, num_samples),
            batch_size=batch_size,
        )

    def checked_styles(self, styles, n):
        """`styles` as a float32 array, if there are `n` of the right size."""
        styles = np.asarray(styles, "float32")
        if styles.shape != (n, self.latent_dim):
            raise ValueError(
                f"Styles have the shape {(n, self.latent_dim)}, one for each "
                f"class. Received: shape={styles.shape}."
            )
        return styles


class StyleDecoding(ClassConditional):
    """Mixed into a model whose code is the style, beside the class."""

    def classes_of(self, x, labels=None) -> np.ndarray:
        """The rows of classes of examples: by labels, or the model's own."""
        if labels is None:
            return self.class_probabilities(x)
        return self.classes_of_labels(labels, len(x))

    def decode(self, z, labels, batch_size: int = 256) -> np.ndarray:
        """What styles stand for, in given classes.

        Args:
            z: Array of shape `(n, latent_dim)`, the styles.
            labels: Array of `n` classes, or one for all.
            batch_size: Integer.

        Returns:
            Array of shape `(n, *input_shape)`.
        """
        return self.run_batched(
            self.decode_parts,
            self.classes_of_labels(labels, len(z)),
            self.checked_styles(z, len(z)),
            batch_size=batch_size,
        )

    def interpolate(self, a, b, steps: int = 10, labels=None) -> np.ndarray:
        """Decodes the straight lines between pairs.

        Args:
            a: Array of shape `(n, *input_shape)`.
            b: Array of the same shape.
            steps: Integer. The points of each line, both ends included.
            labels: Array of `n` classes, or one for all, along the lines. A
                model that classifies takes its own, of `a` and of `b`.

        Returns:
            Array of shape `(n, steps, *input_shape)`.
        """
        start, stop = (
            np.concatenate([self.classes_of(x, labels), self.encode(x)], -1)
            for x in (a, b)
        )
        share = np.linspace(0.0, 1.0, steps, dtype="float32")[:, None]
        lines = start[:, None] + share * (stop - start)[:, None]
        lines = lines.reshape(-1, lines.shape[-1])
        images = self.run_batched(
            self.decode_parts,
            lines[:, : self.num_classes],
            lines[:, self.num_classes :],
        )
        return images.reshape(len(start), steps, *images.shape[1:])

    def traverse(self, x, dims=None, values=None, labels=None) -> np.ndarray:
        """Decodes the style of `x` with one entry replaced at a time.

        Args:
            x: Array of shape `input_shape`, one example.
            dims: Sequence of entries. Defaults to all.
            values: Sequence of the values they take. Defaults to seven from
                -3 to 3.
            labels: Integer, the class. A model that classifies takes its own.

        Returns:
            Array of shape `(len(dims), len(values), *input_shape)`.
        """
        x = np.asarray(x)[None]
        dims = range(self.latent_dim) if dims is None else dims
        values = np.linspace(-3.0, 3.0, 7) if values is None else values
        styles = np.tile(self.encode(x)[0], (len(dims), len(values), 1))
        for row, dim in enumerate(dims):
            styles[row, :, dim] = values
        styles = styles.reshape(-1, self.latent_dim)
        classes = np.repeat(self.classes_of(x, labels), len(styles), axis=0)
        images = self.run_batched(self.decode_parts, classes, styles)
        return images.reshape(len(dims), len(values), *images.shape[1:])

    def decode_signature(self):
        """The served function from styles and labels to examples."""
        inputs = {"z": (None, self.latent_dim), "labels": ((None,), "int32")}
        return Signature(
            lambda z, labels: self.decode_parts(self.one_hot(labels), z),
            inputs,
            ("x",),
        )
