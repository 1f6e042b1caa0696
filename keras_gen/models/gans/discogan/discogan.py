"""Discovery of relations between two domains without pairs.

T. Kim, M. Cha, H. Kim, J. K. Lee and J. Kim, "Learning to Discover
Cross-Domain Relations with Generative Adversarial Networks", ICML 2017,
https://arxiv.org/abs/1703.05192

`G_AB` carries examples `a` to the domain of `b`, and `G_BA` carries `b` to
that of `a`. The discriminators have the logits `D_A` and `D_B`, and `f_l` are
the outputs of their hidden layers. As in the official code, with the
reconstruction rate `r`,

    L_G  = (1 - r) (0.1 L_GAN + 0.9 L_FM) + r L_CONST,
    L_GAN   = E[softplus(-D_B(G_AB(a)))] + E[softplus(-D_A(G_BA(b)))],
    L_FM    = sum_l ||E[f_l(b)] - E[f_l(G_AB(a))]||^2 / size of f_l
            + the same of D_A, a and G_BA(b),
    L_CONST = E[(G_BA(G_AB(a)) - a)^2] + E[(G_AB(G_BA(b)) - b)^2],
    L_D  = 1/2 (E[softplus(-D_B(b))] + E[softplus(D_B(G_AB(a)))]
              + E[softplus(-D_A(a))] + E[softplus(D_A(G_BA(b)))]).

`L_CONST` is a mean over the components of an example too. The discriminators
are updated once for two updates of the generators, each with fresh examples.
"""

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import (
    check_at_least,
    check_fraction,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.losses.adversarial import (
    feature_matching,
    logistic_discriminator,
    non_saturating_generator,
)
from keras_gen.models.gans.discogan.networks import (
    conv_discriminator,
    conv_generator,
    mlp_discriminator,
    mlp_generator,
)
from keras_gen.models.unpaired import UnpairedTranslationModel
from keras_gen.schedules import Schedule, check_scheduled

# For each, the networks of its generators and of its discriminators.
MODES = {
    "discogan": (("ab", "ba"), ("a", "b")),
    "recongan": (("ab", "ba"), ("b",)),
    "gan": (("ab",), ("b",)),
}


@keras.saving.register_keras_serializable(package="keras_gen")
class DiscoGAN(UnpairedTranslationModel):
    """DiscoGAN, which discovers relations between two domains without pairs.

    `fit` takes examples of the two domains that do not belong together. Of
    arrays of as many examples, `fit(a, b)`; of others, `keras_gen.data.zipped`
    makes batches. A batch is divided over the updates of a step: one of the
    discriminators and `generator_steps` of the generators.

    Args:
        input_shape: Tuple. The shape of an example `a`: of an image
            `(height, width, channels)` with values in [0, 1], or, for
            `architecture="mlp"`, of a vector `(size,)`.
        input_shape_b: Tuple or `None`. That of `b`, if it is another. Of
            images, only the channels may differ without generators of one's
            own.
        architecture: String. `"dcgan"` for images, or `"mlp"`, that of the
            paper's toy experiment, whose widths it does not say.
        width: Integer or `None`. The filters of the first convolution, by
            default 64, or the units of all layers of the MLPs, by default 128.
        bottleneck_units: Integer or `None`. The units of a bottleneck of 1x1
            between the convolutions of a generator; 100 in the official code,
            where it is added.
        mode: String. `"discogan"`; `"recongan"`, whose discriminator is of
            `b` alone and whose reconstruction is of `a` alone; or `"gan"`, the
            translation from `a` to `b` alone, without reconstruction. Both
            are the paper's baselines.
        adversarial_weight: Float. The weight of `L_GAN`.
        feature_weight: Float. The weight of `L_FM`.
        reconstruction_rate: Float in [0, 1] or `Schedule`, `r`. Defaults to
            0.01 for the first 3,333 steps, which with two updates of the
            generators are the 10,000 iterations of the official code, and 0.5
            from there on.
        generator_steps: Integer. The updates of the generators in a step.
        weight_decay: Float. The coefficient of the L2 penalty: this times each
            weight is added to its gradient.
        generator_ab: `keras.Model` from examples `a` to examples `b`.
        generator_ba: `keras.Model` from examples `b` to examples `a`.
        discriminator_a: `keras.Model` from examples `a` to logits of shape
            `(batch, 1)`, or to a list of these and of features.
        discriminator_b: The same of examples `b`.

    Example:

    ```python
    model = keras_gen.DiscoGAN((64, 64, 3), width=16)
    model.compile()
    train = keras_gen.data.zipped(bags, shoes, 3 * 64)
    model.fit(train.dataset, steps_per_epoch=train.steps_per_epoch, epochs=10)
    shoes = model.translate(x, direction="ab")
    ```

    A bare `compile()` uses the Adam of the paper.
    """

    logged = (
        "adversarial_loss",
        "feature_matching_loss",
        "reconstruction_loss",
    )
    shape_argument = "input_shape"
    presets = {
        "paper": {},
        "small": {
            "width": 32,
            "reconstruction_rate": Schedule(
                0.01, 0.5, over=1, unit="steps", after=999
            ),
        },
        "smoke": {"width": 4},
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (64, 64, 3),
        input_shape_b: tuple[int, ...] | None = None,
        architecture: str = "dcgan",
        width: int | None = None,
        bottleneck_units: int | None = None,
        mode: str = "discogan",
        adversarial_weight: float = 0.1,
        feature_weight: float = 0.9,
        reconstruction_rate: float | Schedule | None = None,
        generator_steps: int = 2,
        weight_decay: float = 1e-5,
        generator_ab: keras.Model | None = None,
        generator_ba: keras.Model | None = None,
        discriminator_a: keras.Model | None = None,
        discriminator_b: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("mode", mode, MODES)
        check_option("architecture", architecture, ("dcgan", "mlp"))
        if architecture == "mlp" and len(input_shape) != 1:
            raise ValueError(
                '`input_shape` must be (size,) for `architecture="mlp"`. '
                f"Received: input_shape={tuple(input_shape)}."
            )
        check_at_least(1, generator_steps=generator_steps)
        if reconstruction_rate is None:
            reconstruction_rate = Schedule(
                0.01, 0.5, over=1, unit="steps", after=3332
            )
        check_scheduled(
            "reconstruction_rate", reconstruction_rate, check_fraction
        )
        check_not_negative(
            adversarial_weight=adversarial_weight,
            feature_weight=feature_weight,
            weight_decay=weight_decay,
        )
        convolutional = architecture == "dcgan"
        if width is None:
            width = 64 if convolutional else 128
        check_positive(width=width)
        self.reconstructs = mode != "gan"
        self.adversarial_weight = adversarial_weight
        self.feature_weight = feature_weight
        self.weight_decay = weight_decay
        self.reconstruction_rate = reconstruction_rate
        self.batch_parts = 1 + generator_steps
        self.value_range = (0.0, 1.0) if convolutional else None
        generators, self.judged = MODES[mode]
        self.players = {
            "generator": [f"generator_{name}" for name in generators],
            "discriminator": [f"discriminator_{name}" for name in self.judged],
        }
        self.directions = {name: f"generator_{name}" for name in generators}

        def new_generator(source, target, name):
            if convolutional:
                return conv_generator(
                    source, target, width, bottleneck_units, name
                )
            return mlp_generator(source, target, width, name)

        def new_discriminator(shape, name):
            build = conv_discriminator if convolutional else mlp_discriminator
            return build(shape, width, name)

        shape = tuple(input_shape)
        self.add_networks(
            {"a": shape, "b": tuple(input_shape_b or shape)},
            {
                "generator_ab": generator_ab,
                "generator_ba": generator_ba,
                "discriminator_a": discriminator_a,
                "discriminator_b": discriminator_b,
            },
            new_generator,
            new_discriminator,
            outputs=[(1,), ...],
        )

    def transform_gradients(self, player, gradients):
        """With the weight decay of PyTorch's Adam."""
        return self.decayed(player, gradients, self.weight_decay)

    def loss_of_generator(self, batch, training):
        """`L_G`, and the generated examples by their domains."""
        real = dict(zip("ab", batch, strict=True))
        fake = self.generated(batch, training)
        adversarial = features = reconstruction = 0.0
        for domain in self.judged:
            logit, found = self.discriminated(domain, fake[domain], training)
            _, wanted = self.discriminated(domain, real[domain], training)
            adversarial += non_saturating_generator(logit)
            features += sum(map(feature_matching, wanted, found))
            if self.reconstructs:
                back = "ba" if domain == "b" else "ab"
                again = self.translate_step(
                    fake[domain], back, training=training
                )
                difference = again - at_least_float32(real[back[1]])
                reconstruction += ops.mean(ops.square(difference))
        features, reconstruction = (
            ops.cast(loss, adversarial.dtype)
            for loss in (features, reconstruction)
        )
        rate = 0.0
        if self.reconstructs:
            rate = self.scheduled(self.reconstruction_rate)
        self.log(
            adversarial_loss=adversarial,
            feature_matching_loss=features,
            reconstruction_loss=reconstruction,
        )
        game = (
            self.adversarial_weight * adversarial
            + self.feature_weight * features
        )
        return (1.0 - rate) * game + rate * reconstruction, fake

    def discriminated(self, domain, x, training):
        """The logits of a domain's discriminator, and a list of features."""
        outputs = self.discriminate_step(domain, x, training)
        if not isinstance(outputs, list | tuple):
            outputs = [outputs]
        return outputs[0], outputs[1:]

    def loss_of_discriminator(self, batch, fake, training):
        """`L_D`, of examples that were generated."""
        real = dict(zip("ab", batch, strict=True))
        return 0.5 * sum(
            logistic_discriminator(
                self.discriminated(domain, real[domain], training)[0],
                self.discriminated(domain, fake[domain], training)[0],
            )
            for domain in self.judged
        )

    def training_step(self, batch):
        first, *others = self.split(batch, self.batch_parts)
        self.minimize("discriminator", first)
        for part in others:
            self.minimize("generator", part)
