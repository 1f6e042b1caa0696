"""What the generative adversarial networks share: latents and samples."""

import numpy as np
from keras import ops

from keras_gen.engine import (
    GenerativeModel,
    Signature,
    averaged_copy,
    noise,
    update_average,
)
from keras_gen.engine.records import check_positive, check_range

LATENT_DISTRIBUTIONS = ("normal", "uniform")
OUTPUTS = ("samples",)


class AdversarialModel(GenerativeModel):
    """A generator of latents, trained against a second network.

    Args:
        latent_dim: Integer. The number of latent variables.
        latent_distribution: `"normal"` for N(0, 1), or `"uniform"` for
            U(-1, 1).
        ema_decay: Float in [0, 1) or `None`. If given, samples come from an
            exponential moving average of the generator's weights.
        seed: Integer or `None`.

    A subclass that generates by class sets `num_classes`.
    """

    num_classes: int | None = None

    def __init__(
        self,
        latent_dim: int,
        latent_distribution: str = "normal",
        ema_decay: float | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        if latent_distribution not in LATENT_DISTRIBUTIONS:
            raise ValueError(
                "`latent_distribution` must be one of "
                f"{list(LATENT_DISTRIBUTIONS)}. Received: "
                f"latent_distribution={latent_distribution!r}."
            )
        check_positive(latent_dim=latent_dim)
        super().__init__(seed=seed, **kwargs)
        self.latent_dim = latent_dim
        self.latent_distribution = latent_distribution
        self.ema_decay = ema_decay
        self.latent_seed = self.seed_generator("latents")

    def average_generator(self):
        """Creates the averaged copy, once the generator is there."""
        if self.ema_decay is not None:
            self.ema_generator = averaged_copy(self.generator)

    def update_generator_average(self):
        """Moves the averaged copy; called after each generator update."""
        if self.ema_decay is not None:
            update_average(self.ema_generator, self.generator, self.ema_decay)

    @property
    def sampler(self):
        """The network that samples are taken from."""
        averaged = self.ema_decay is not None
        return self.ema_generator if averaged else self.generator

    def draw_latents(self, num_samples, seed=None):
        """Latents for `num_samples` examples, as a tensor."""
        seed = self.latent_seed if seed is None else seed
        shape = (num_samples, self.latent_dim)
        if self.latent_distribution == "uniform":
            return noise.uniform(shape, seed, -1.0, 1.0)
        return noise.normal(shape, seed)

    def check_arrays(self, x, y):
        if self.value_range is not None:
            check_range(type(self).__name__, x, *self.value_range)

    def prepare_batch(self, batch):
        expected = (None, *self.image_shape)
        shape = tuple(batch.x.shape)
        if len(shape) != len(expected) or any(
            e is not None and s is not None and s != e
            for s, e in zip(shape, expected, strict=True)
        ):
            raise ValueError(
                f"{type(self).__name__} was built for real examples of shape "
                f"{expected}. Received: shape={shape}. Resize the data or "
                f"build the model with `image_shape={shape[1:]}`."
            )
        return batch._replace(x=ops.cast(batch.x, "float32"))

    def call(self, inputs, training=False):
        """Generates from latents, or from a pair of latents and labels."""
        return self.sampler(inputs, training=False)

    def chosen_labels(self, labels, count):
        """The classes to generate, as a tuple of one array or of none."""
        if not self.num_classes:
            if labels is not None:
                raise ValueError(
                    "This model was built without classes. Received: "
                    f"labels={labels}. Build it with `num_classes`."
                )
            return ()
        if labels is None:
            labels = np.arange(count) % self.num_classes
        labels = np.asarray(labels, "int32")
        if labels.shape != (count,) or not np.all(
            (labels >= 0) & (labels < self.num_classes)
        ):
            raise ValueError(
                f"`labels` must be {count} integers from 0 to "
                f"{self.num_classes - 1}. Received: labels={labels}."
            )
        return (labels,)

    def generate(
        self, latents, labels=None, batch_size: int = 256
    ) -> np.ndarray:
        """Generates from given latents.

        Args:
            latents: Array of shape `(n, latent_dim)`.
            labels: Array of `n` classes. Defaults to each class in turn.
                Only for a model with classes.
            batch_size: Integer.

        Returns:
            Array of shape `(n, *image_shape)`.
        """
        latents = np.asarray(latents, "float32")
        if latents.ndim != 2 or latents.shape[1] != self.latent_dim:
            raise ValueError(
                f"Latents have the shape (n, {self.latent_dim}). Received: "
                f"shape={latents.shape}."
            )
        return self.run_batched(
            lambda z, *labels: self((z, *labels) if labels else z),
            latents,
            *self.chosen_labels(labels, len(latents)),
            batch_size=batch_size,
        )

    def sample(
        self,
        num_samples: int,
        seed: int | None = None,
        labels=None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Generates from latents drawn at random.

        Args:
            num_samples: Integer.
            seed: Integer for the same samples each time, or `None` to draw
                on from the model's own seed.
            labels: Array of `num_samples` classes. Defaults to each class
                in turn. Only for a model with classes.
            batch_size: Integer.

        Returns:
            Array of shape `(num_samples, *image_shape)`.
        """
        self.chosen_labels(labels, num_samples)
        latents = self.draw_latents(num_samples, seed)
        return self.generate(
            ops.convert_to_numpy(latents), labels, batch_size=batch_size
        )

    def interpolate(self, a, b, steps: int = 10, labels=None) -> np.ndarray:
        """Generates along straight lines between pairs of latents.

        Args:
            a: Array of shape `(n, latent_dim)`.
            b: Array of the same shape.
            steps: Integer. The points of each line, both ends included.
            labels: Array of `n` classes, one for each line. Defaults to each
                class in turn. Only for a model with classes.

        Returns:
            Array of shape `(n, steps, *image_shape)`.
        """
        a, b = np.asarray(a, "float32"), np.asarray(b, "float32")
        share = np.linspace(0.0, 1.0, steps, dtype="float32")[:, None]
        lines = a[:, None] + share * (b - a)[:, None]
        labels = [
            np.repeat(classes, steps)
            for classes in self.chosen_labels(labels, len(a))
        ]
        images = self.generate(lines.reshape(-1, self.latent_dim), *labels)
        return images.reshape(len(a), steps, *images.shape[1:])

    def score(self, x, batch_size: int = 256) -> np.ndarray:
        """What the discriminator or critic says of examples.

        Args:
            x: Array of shape `(n, *image_shape)`.
            batch_size: Integer.

        Returns:
            Array of shape `(n,)`: logits, or scores of a critic.
        """
        return self.run_batched(
            lambda x: self.scores(x, training=False),
            np.asarray(x, "float32"),
            batch_size=batch_size,
        )

    def signatures(self):
        inputs = {"z": (None, self.latent_dim)}
        if not self.num_classes:
            return {"serving_default": Signature(self.call, inputs, OUTPUTS)}
        inputs["labels"] = ((None,), "int32")
        conditional = Signature(
            lambda z, labels: self.call((z, labels)), inputs, OUTPUTS
        )
        return {"serving_default": conditional}

    def served_networks(self):
        return [self.sampler]


def check_generator(generator, image_shape):
    """Raises unless a generator makes examples of the expected shape."""
    made = tuple(generator.output_shape[1:])
    if made != tuple(image_shape):
        raise ValueError(
            f"The generator must make examples of shape {tuple(image_shape)}, "
            f"as `image_shape` says. Received a generator of shape {made}."
        )


def power_of_two_pyramid(size):
    """The smallest side of at least 4 from which `size` is doubled.

    Returns:
        The side and the number of doublings: 64 is `(4, 4)`, 28 is `(7, 2)`.
    """
    doublings = 0
    while size % 2 == 0 and size // 2 >= 4:
        size, doublings = size // 2, doublings + 1
    return size, doublings
