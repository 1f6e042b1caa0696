"""The FactorVAE.

H. Kim and A. Mnih, "Disentangling by Factorising", ICML 2018,
https://arxiv.org/abs/1802.05983

The total correlation of the aggregated posterior, `KL(q(z) || prod_k q(z_k))`,
is estimated by a discriminator that tells codes (class 0) from codes whose
latents are permuted over a batch (class 1). With its logits `l_0` and `l_1`,

    L   = -E[log p(x|z)] + KL(q(z|x) || p(z)) + gamma E[l_0(z) - l_1(z)],
    L_D = -E[log softmax_0(D(z))] / 2 - E[log softmax_1(D(permuted z'))] / 2,

where `z` are codes of one half of a batch, and `z'` of the other. Each step
updates the autoencoder by `L`, then the discriminator by `L_D`, with the codes
`z` of before that update (Algorithm 2 of the paper).
"""

from functools import partial

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import as_units, check_not_negative
from keras_gen.losses.aggregated_posterior import permute_dims
from keras_gen.models.vaes.disentangled import DisentangledVAE
from keras_gen.networks.mlp import mlp_encoder


@keras.saving.register_keras_serializable(package="keras_gen")
class FactorVAE(DisentangledVAE):
    """FactorVAE.

    A step takes two batches of the paper's, as the halves of one: pass twice
    its `batch_size`.

    Args:
        gamma: Float. The weight of the total correlation. Its default is the
            one that is reported for the paper's sprites.
        discriminator_units: Tuple of integers. The units of the
            discriminator's leaky ReLU layers.
        discriminator: `keras.Model` from `z` to two logits.

    Example:

    ```python
    model = keras_gen.FactorVAE((64, 64, 1), latent_dim=10)
    model.compile()
    model.fit(images, batch_size=2 * 64, epochs=29)
    print(model.total_correlation(images))
    ```

    A bare `compile()` uses Adam with the paper's rates for sprites: 1e-4, with
    decay rates of 0.9 and 0.999, and of 0.5 and 0.9 for the discriminator.
    """

    defaults = dict(architecture="conv", hidden_units=128)
    players = {
        **DisentangledVAE.players,
        "discriminator": ["discriminator"],
    }
    logged = (*DisentangledVAE.logged, "total_correlation")
    batch_parts = 2
    presets = {
        "small": dict(
            **DisentangledVAE.presets["small"],
            gamma=10.0,
            discriminator_units=(256,) * 3,
        ),
        "smoke": dict(
            **DisentangledVAE.presets["smoke"], discriminator_units=(16,)
        ),
    }

    def __init__(
        self,
        *args,
        gamma: float = 35.0,
        discriminator_units: int | tuple[int, ...] = (1000,) * 6,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_not_negative(gamma=gamma)
        self.gamma = gamma
        units = as_units("discriminator_units", discriminator_units)
        options = {"activation": "leaky_relu", "name": "discriminator"}
        code = (self.latent_dim,)
        new = partial(mlp_encoder, code, units, {"logits": 2}, **options)
        self.discriminator = self.network_of(
            "discriminator", discriminator, new, [code], [(2,)], logits=1
        )
        self.permutation_seed = self.seed_generator("permutation")

    def default_optimizers(self):
        return {
            "model": keras.optimizers.Adam(1e-4),
            "discriminator": keras.optimizers.Adam(
                1e-4, beta_1=0.5, beta_2=0.9
            ),
        }

    def log_ratio(self, z, training=False):
        """`l_0 - l_1`, the estimate of `log q(z) - log prod_k q(z_k)`."""
        logits = at_least_float32(self.discriminator(z, training=training))
        return logits[:, 0] - logits[:, 1]

    def terms(self, bound):
        z = ops.reshape(bound.z, (-1, self.latent_dim))
        total_correlation = ops.mean(self.log_ratio(z, bound.training))
        return {**super().terms(bound), "total_correlation": total_correlation}

    def term_weights(self):
        return {"total_correlation": self.gamma}

    def permutation_loss(self, z, batch, training):
        """`L_D`, for codes `z` and the permuted codes of another batch."""
        q = self.posterior(batch.x, training)
        others = q.sample(1, seed=self.posterior_seed)[0]
        permuted = permute_dims(others, self.permutation_seed)
        # Of two classes, the softmax is the logistic function of the ratio.
        real = ops.softplus(-self.log_ratio(ops.stop_gradient(z), training))
        fake = ops.softplus(self.log_ratio(permuted, training))
        return 0.5 * (ops.mean(real) + ops.mean(fake))

    def discriminator_loss(self, batch, training):
        first, second = self.split(batch, 2)
        q = self.posterior(first.x, training)
        z = q.sample(1, seed=self.posterior_seed)[0]
        return self.permutation_loss(z, second, training)

    def training_step(self, batch):
        first, second = self.split(batch, 2)

        def model_loss():
            bound = self.bound(first, self.num_samples, training=True)
            return self.bound_loss(bound), bound.z[0]

        _, z = self.minimize("model", model_loss)
        self.minimize(
            "discriminator",
            lambda: self.permutation_loss(z, second, training=True),
        )

    def total_correlation(self, x, *, batch_size: int = 256) -> float:
        """The discriminator's estimate of the total correlation, in nats."""

        def step(x):
            z = self.posterior(x).sample(1, seed=self.posterior_seed)[0]
            return self.log_ratio(z)

        return float(self.run(step, x, batch_size=batch_size).mean())
