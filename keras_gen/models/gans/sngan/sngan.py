"""The spectrally normalized generative adversarial network.

T. Miyato, T. Kataoka, M. Koyama and Y. Yoshida, "Spectral Normalization for
Generative Adversarial Networks", ICLR 2018, https://arxiv.org/abs/1802.05957;
T. Miyato and M. Koyama, "cGANs with Projection Discriminator", ICLR 2018,
https://arxiv.org/abs/1802.05637

Each kernel `W` of the discriminator is divided by its largest singular value,
so that the discriminator is Lipschitz. The players minimize the hinge losses

    L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))],
    L_G = -E_z[D(G(z))],

or the logistic ones. With labels, the generator has conditional batch
normalization, and the discriminator projects its features `h` on the embedding
of the class:

    D(x, y) = psi(h(x)) + <e_y, h(x)>.
"""

from functools import partial

import keras
from keras import ops

from keras_gen.checks import check_option, check_positive
from keras_gen.engine import Labels
from keras_gen.losses.adversarial import OBJECTIVES
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.models.gans.sngan.networks import (
    ARCHITECTURES,
    cnn_discriminator,
    cnn_generator,
    resnet_discriminator,
    resnet_generator,
)


@keras.saving.register_keras_serializable(package="keras_gen")
class SNGAN(AdversarialModel):
    """Generative adversarial network with spectral normalization.

    Each training step is `discriminator_steps` updates of the discriminator,
    each on its own part of the batch, and one of the generator; in the official
    code the generator's comes after the first of them.

    Args:
        image_shape: Tuple `(height, width, channels)`, with sides that each
            block of the generator can double. Values in [-1, 1].
        architecture: String. `"resnet32"`, the networks of CIFAR-10,
            `"resnet48"` of STL-10, `"resnet64"` and `"resnet128"` of ImageNet,
            or `"cnn"`, of CIFAR-10 and STL-10.
        generator_filters: Tuple or `None`. The generator's feature maps after
            its dense layer and after each doubling, in place of the paper's.
        discriminator_filters: Tuple or `None`. Those of the discriminator's
            blocks; of `"cnn"`, of its pairs of layers and its last one.
        num_classes: Integer or `None`. If given, the model is trained by
            `fit(images, labels)`. Not for `"cnn"`.
        objective: String. `"hinge"`, or `"non_saturating"` for the logistic
            losses.
        discriminator_steps: Integer. Discriminator updates for each of the
            generator's; 1 for some of the settings of `"cnn"`.
        generator_batch_factor: Integer. The generator's update draws so many
            times the examples of a discriminator's update.

    Example:

    ```python
    model = keras_gen.SNGAN((32, 32, 3), num_classes=10)
    model.compile()
    model.fit(images, labels, batch_size=5 * 64, epochs=10)
    samples = model.sample(10, labels=range(10))
    ```

    A bare `compile()` uses the Adam of the paper's ResNets. There, its rates
    fall linearly to 0: over all 50,000 of the generator's updates of CIFAR-10,
    and over the last 50,000 of 450,000 of ImageNet.
    """

    value_range = (-1.0, 1.0)
    defaults = {"latent_dim": 128}
    presets = {
        "cnn": {"architecture": "cnn", "objective": "non_saturating"},
        "small": {
            "generator_filters": (32, 32, 32),
            "discriminator_filters": (32, 32, 32, 32),
            "discriminator_steps": 2,
            "ema_decay": 0.999,
        },
        "smoke": {
            "generator_filters": (8, 8, 8),
            "discriminator_filters": (8, 8, 8),
            "discriminator_steps": 2,
        },
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (32, 32, 3),
        architecture: str = "resnet32",
        generator_filters: tuple[int, ...] | None = None,
        discriminator_filters: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        objective: str = "hinge",
        discriminator_steps: int = 5,
        generator_batch_factor: int = 2,
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("architecture", architecture, ARCHITECTURES)
        check_option("objective", objective, ("hinge", "non_saturating"))
        check_positive(
            discriminator_steps=discriminator_steps,
            generator_batch_factor=generator_batch_factor,
        )
        convolutional = architecture == "cnn"
        if num_classes and convolutional:
            raise ValueError(
                "`architecture` must be a ResNet with `num_classes`. Received: "
                f"num_classes={num_classes}, architecture='cnn'. Choose "
                "'resnet32', or leave out `num_classes`."
            )
        if num_classes is not None:
            check_positive(num_classes=num_classes)
        self.image_shape = shape = tuple(image_shape)
        self.objective = OBJECTIVES[objective]
        self.batch_parts = discriminator_steps
        self.generator_batch_factor = generator_batch_factor
        self.condition = Labels(num_classes) if num_classes else None
        sizes = ARCHITECTURES[architecture]
        if generator_filters:
            sizes = sizes._replace(generator=tuple(generator_filters))
        if discriminator_filters:
            sizes = sizes._replace(discriminator=tuple(discriminator_filters))
        if convolutional:
            new_generator = partial(cnn_generator, shape, self.latent_dim)
            new_discriminator = partial(cnn_discriminator, shape)
        else:
            new_generator = partial(
                resnet_generator, shape, self.latent_dim, num_classes
            )
            new_discriminator = partial(
                resnet_discriminator, shape, num_classes
            )
        self.generator = self.network_of(
            "generator",
            generator,
            partial(new_generator, sizes=sizes),
            outputs=[shape],
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            partial(new_discriminator, sizes=sizes),
            [shape, ()] if num_classes else [shape],
            [(1,)],
            logits=1,
        )

    def default_optimizer(self):
        return keras.optimizers.Adam(2e-4, beta_1=0.0, beta_2=0.9, epsilon=1e-8)

    def discriminator_loss(self, batch, training):
        fake, labels = self.generate_batch(ops.shape(batch.x)[0], training)
        real = self.discriminate_step(batch.x, batch.y, training)
        fake = self.discriminate_step(ops.stop_gradient(fake), labels, training)
        return self.objective.discriminator(real, fake)

    def generator_loss(self, batch, training):
        # Of the batch, the size alone counts: no real image takes part.
        size = self.generator_batch_factor * ops.shape(batch.x)[0]
        fake, labels = self.generate_batch(size, training)
        fake = self.discriminate_step(fake, labels, training)
        return self.objective.generator(fake)
