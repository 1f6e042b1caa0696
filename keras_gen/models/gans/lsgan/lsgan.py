"""The least squares generative adversarial network.

X. Mao, Q. Li, H. Xie, R. Y. K. Lau, Z. Wang and S. P. Smolley, "Least Squares
Generative Adversarial Networks", ICCV 2017, https://arxiv.org/abs/1611.04076

The discriminator `D` has a linear output. With `a` and `b` the codes of fake
and real data and `c` the one that the generator wants, the players minimize

    L_D = 1/2 E[(D(x) - b)^2] + 1/2 E[(D(G(z)) - a)^2],
    L_G = 1/2 E[(D(G(z)) - c)^2].

With `b - c = 1` and `b - a = 2`, as `(a, b, c) = (-1, 1, 0)` has them, the
generator minimizes the Pearson chi-squared divergence between `p_data + p_g`
and `2 p_g`. Labels `y` are given to both networks: `D(x, y)` and `G(z, y)`.
"""

import keras

from keras_gen.checks import check_option, check_positive
from keras_gen.engine import Labels
from keras_gen.losses.adversarial import least_squares_objective
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.models.gans.lsgan.networks import ARCHITECTURES
from keras_gen.networks.architectures import discriminator_of, generator_of

# (a, b, c) of the paper's equations (8) and (9).
CODINGS = {"pearson": (-1.0, 1.0, 0.0), "zero_one": (0.0, 1.0, 1.0)}
# Adam's learning rates in the official code.
RATES = {
    "scenes": {"discriminator": 1e-3, "generator": 1e-3},
    "characters": {"discriminator": 2e-4, "generator": 2e-4},
    "mlp": {"discriminator": 1e-4, "generator": 1e-3},
}


@keras.saving.register_keras_serializable(package="keras_gen")
class LSGAN(AdversarialModel):
    """Least squares generative adversarial network.

    The defaults are the paper's model of scenes. The preset `"characters"` is
    that of handwritten characters, `"ring"` that of a mixture of Gaussians.

    Args:
        input_shape: Tuple. `(height, width, channels)` of images, with sides
            that 16 divides, or 4 for `"characters"`; `(size,)` of points.
        architecture: String. The networks of one of the paper's experiments:
            `"scenes"` (112x112, values in [-1, 1]), `"characters"` (28x28,
            values in [0, 1]) or `"mlp"` (points).
        width: Integer or `None`. Filters or units of the narrowest hidden
            layers. Defaults to the paper's.
        num_classes: Integer or `None`. If given, the model is trained by
            `fit(images, labels)`. For `"characters"`.
        coding: String or tuple. `"zero_one"` for the codes `(a, b, c) = (0, 1,
            1)` of fake data, of real data, and of what the generator wants,
            with which the paper's images are made; `"pearson"` for `(-1, 1,
            0)`, or a tuple of three numbers.

    Example:

    ```python
    model = keras_gen.LSGAN((28, 28, 1), architecture="characters")
    model.compile()
    model.fit(images, batch_size=64, epochs=10)
    samples = model.sample(64, seed=0)
    ```

    A bare `compile()` uses the Adam of the official code. That code draws one
    batch of latents for both players; here each has its own.
    """

    shape_argument = "input_shape"
    defaults = {"latent_dim": 1024, "prior": "uniform"}
    presets = {
        "paper": {},
        "characters": {
            "input_shape": (28, 28, 1),
            "architecture": "characters",
        },
        "ring": {
            "input_shape": (2,),
            "architecture": "mlp",
            "latent_dim": 256,
            "prior": "normal",
        },
        "small": {
            "architecture": "characters",
            "width": 32,
            "latent_dim": 64,
            "ema_decay": 0.999,
        },
        "smoke": {"architecture": "characters", "width": 4, "latent_dim": 16},
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (112, 112, 3),
        architecture: str = "scenes",
        width: int | None = None,
        num_classes: int | None = None,
        coding: str | tuple[float, float, float] = "zero_one",
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("architecture", architecture, ARCHITECTURES)
        if isinstance(coding, str):
            check_option("coding", coding, CODINGS)
            coding = CODINGS[coding]
        if len(coding) != 3:
            raise ValueError(
                "`coding` must be the three codes a, b and c, or one of "
                f"{', '.join(map(repr, CODINGS))}. Received: coding={coding!r}."
            )
        if num_classes is not None:
            check_positive(num_classes=num_classes)
        self.objective = least_squares_objective(*coding)
        self.input_shape = shape = tuple(input_shape)
        self.architecture = architecture
        self.value_range = ARCHITECTURES[architecture].value_range
        self.condition = Labels(num_classes) if num_classes else None
        network = {
            "name": architecture,
            "shape": shape,
            "width": width,
            "num_classes": num_classes,
        }
        self.generator = self.network_of(
            "generator",
            generator,
            lambda: generator_of(
                ARCHITECTURES, latent_dim=self.latent_dim, **network
            ),
            outputs=[shape],
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            lambda: discriminator_of(ARCHITECTURES, **network),
            inputs=[shape, ()] if num_classes else [shape],
            outputs=[(1,)],
            logits=1,
        )

    def default_optimizers(self):
        return {
            player: keras.optimizers.Adam(rate, beta_1=0.5, epsilon=1e-8)
            for player, rate in RATES[self.architecture].items()
        }
