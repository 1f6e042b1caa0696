"""Adversarial autoencoders of examples with labels.

A. Makhzani, J. Shlens, N. Jaitly, I. Goodfellow and B. Frey, "Adversarial
Autoencoders", 2015, https://arxiv.org/abs/1511.05644

The three updates are those of `AAE`. Either the discriminator is told the
class, so that each class takes a component of the prior for itself (section
2.3 of the paper), or the decoder is, so that the code holds what is left of
an example besides its class, its style (section 4).
"""

import keras
import numpy as np
from keras import ops

from keras_gen.engine import Signature
from keras_gen.models.autoencoders.aae import AAE
from keras_gen.models.autoencoders.aae_classes import (
    UNLABELLED,
    Labelled,
    StyleDecoding,
)
from keras_gen.models.autoencoders.priors import Prior


@keras.saving.register_keras_serializable(package="keras_gen")
class LabelPriorAAE(Labelled, AAE):
    """Adversarial autoencoder whose prior has a component for each class.

    The discriminator sees, beside a code, the class of the example in the
    one-hot form, with one more class for unlabelled examples. For an example
    with a label it compares the code with draws from the component of that
    class; for one without, with draws from the whole prior. The encoder and
    the decoder see no labels.

    Train it with `fit(x, labels)`, where unlabelled examples have -1.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: As in `AAE`.
        latent_dim: Integer. The size of the code.
        num_classes: Integer.
        prior: `"mixture"` (Gaussians in a ring), `"swiss_roll"`, or as in
            `AAE`. It must have `num_classes` components; a function gets the
            labels, -1 for any component.
        posterior: As in `AAE`.
        noise_dim: As in `AAE`.
        output_activation: As in `AAE`.
        initial_std: As in `AAE`.
        encoder: As in `AAE`.
        decoder: As in `AAE`.
        discriminator: `keras.Model` from the code and the one-hot class,
            joined to `latent_dim + num_classes + 1` numbers, to a logit.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.LabelPriorAAE((28, 28, 1), num_classes=10)
    model.compile()
    labels = np.where(np.arange(len(images)) < 10000, labels, -1)
    model.fit(images, labels, batch_size=100, epochs=20)
    sevens = model.sample(64, labels=7)
    ```

    Reference:

    - [Makhzani et al., 2015](https://arxiv.org/abs/1511.05644)
    """

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = (1000, 1000),
        latent_dim: int = 2,
        num_classes: int = 10,
        prior: str | Prior = "mixture",
        posterior: str = "deterministic",
        noise_dim: int | None = None,
        output_activation: str | None = "sigmoid",
        initial_std: float | None = 0.01,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(
            input_shape,
            hidden_units,
            latent_dim,
            prior=prior,
            posterior=posterior,
            noise_dim=noise_dim,
            output_activation=output_activation,
            initial_std=initial_std,
            encoder=encoder,
            decoder=decoder,
            discriminator=discriminator,
            seed=seed,
            **kwargs,
        )

    @property
    def discriminator_labels(self):
        return self.num_classes + 1

    @property
    def prior_classes(self):
        return self.num_classes

    def prior_code(self, batch):
        size = ops.shape(batch.x)[0]
        return self.prior.sample(size, labels=batch.y, seed=self.prior_seed)

    def scores(self, z, batch, training):
        # The class after the last is that of the unlabelled.
        index = ops.where(batch.y < 0, self.num_classes, batch.y)
        classes = ops.one_hot(index, self.num_classes + 1, dtype="float32")
        joined = ops.concatenate([z, classes], axis=-1)
        return super().scores(joined, batch, training)

    def sample(
        self,
        num_samples: int,
        seed: int | None = None,
        labels=None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Decodes codes from the prior.

        Args:
            num_samples: Integer.
            seed: Integer for the same samples each time, or `None` to draw
                on from the model's own seed.
            labels: Array of `num_samples` classes whose components the codes
                come from, or one for all. Defaults to the whole prior.
            batch_size: Integer.

        Returns:
            Array of shape `(num_samples, *input_shape)`.
        """
        labels = UNLABELLED if labels is None else labels
        labels = np.broadcast_to(labels, (num_samples,)).astype("int32")
        self.check_labels(labels)
        z = self.prior.sample(
            num_samples,
            labels=ops.convert_to_tensor(labels),
            seed=self.prior_seed if seed is None else seed,
        )
        return self.decode(ops.convert_to_numpy(z), batch_size)


@keras.saving.register_keras_serializable(package="keras_gen")
class SupervisedAAE(StyleDecoding, Labelled, AAE):
    """Adversarial autoencoder whose decoder is told the class.

    The code is held to the prior and need not say the class: it comes to hold
    the style. Train it with `fit(x, labels)`. `model([x, labels])`
    reconstructs.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: As in `AAE`.
        latent_dim: Integer. The size of the code.
        num_classes: Integer.
        prior: As in `AAE`.
        prior_std: As in `AAE`.
        posterior: As in `AAE`.
        noise_dim: As in `AAE`.
        output_activation: As in `AAE`.
        initial_std: As in `AAE`.
        encoder: As in `AAE`.
        decoder: `keras.Model` from the one-hot class and the code, joined to
            `num_classes + latent_dim` numbers, to `x`.
        discriminator: As in `AAE`.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.SupervisedAAE((28, 28, 1), num_classes=10)
    model.compile()
    model.fit(images, labels, batch_size=100, epochs=20)
    styles = np.repeat(model.encode(images[:8]), 10, axis=0)
    rows = model.sample(80, labels=np.tile(np.arange(10), 8), styles=styles)
    ```

    Reference:

    - [Makhzani et al., 2015](https://arxiv.org/abs/1511.05644)
    """

    lowest_label = 0

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = (1000, 1000),
        latent_dim: int = 15,
        num_classes: int = 10,
        prior: str | Prior = "normal",
        prior_std: float = 1.0,
        posterior: str = "deterministic",
        noise_dim: int | None = None,
        output_activation: str | None = "sigmoid",
        initial_std: float | None = 0.01,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(
            input_shape,
            hidden_units,
            latent_dim,
            prior,
            prior_std,
            posterior,
            noise_dim,
            output_activation,
            initial_std,
            encoder,
            decoder,
            discriminator,
            seed=seed,
            **kwargs,
        )

    @property
    def decoder_labels(self):
        return self.num_classes

    def decoded(self, z, batch, training):
        joined = self.join(self.one_hot(batch.y), z)
        return self.decoder(joined, training=training)

    def classes_of(self, x, labels=None):
        if labels is None:
            raise ValueError(
                f"The code of {type(self).__name__} is the style alone. "
                "Received no labels. Pass `labels=`, the classes to decode."
            )
        return super().classes_of(x, labels)

    def call(self, inputs, training=False):
        """Reconstructs, from a pair of examples and labels."""
        x, labels = inputs
        return self.decode_parts(self.one_hot(labels), self.encode_step(x))

    def reconstruct(self, x, labels, batch_size: int = 256) -> np.ndarray:
        """`x` through its style and back.

        Args:
            x: Array of shape `(n, *input_shape)`.
            labels: Array of `n` classes, or one for all.
            batch_size: Integer.

        Returns:
            Array of shape `(n, *input_shape)`.
        """
        return self.run_batched(
            lambda x, labels: self((x, labels)),
            self.checked(x),
            self.checked_labels(labels, len(x)),
            batch_size=batch_size,
        )

    def reconstruction_error(
        self, x, labels, batch_size: int = 256
    ) -> np.ndarray:
        """The squared error of each example of a class: high is unusual.

        Args:
            x: Array of shape `(n, *input_shape)`.
            labels: Array of `n` classes, or one for all.
            batch_size: Integer.

        Returns:
            Array of shape `(n,)`, the sum over the entries of an example.
        """
        errors = (
            self.checked(x) - self.reconstruct(x, labels, batch_size)
        ) ** 2
        return errors.reshape(len(errors), -1).sum(axis=1)

    def signatures(self):
        x = (None, *self.input_shape)
        inputs = {"x": x, "labels": ((None,), "int32")}
        return {
            "serving_default": Signature(
                lambda x, labels: self.call((x, labels)),
                inputs,
                ("reconstruction",),
            ),
            "encode": Signature(self.encode_step, {"x": x}, ("code",)),
            "decode": self.decode_signature(),
        }
