"""The beta-VAE, in both of its forms.

I. Higgins, L. Matthey, A. Pal, C. Burgess, X. Glorot, M. Botvinick, S. Mohamed
and A. Lerchner, "beta-VAE: Learning Basic Visual Concepts with a Constrained
Variational Framework", ICLR 2017, https://openreview.net/forum?id=Sy2fzU9gl;
C. P. Burgess, I. Higgins, A. Pal, L. Matthey, N. Watters, G. Desjardins and
A. Lerchner, "Understanding disentangling in beta-VAE", 2018,
https://arxiv.org/abs/1804.03599

With `R = -E[log p(x|z)]` and `KL = KL(q(z|x) || N(0, I))`, each averaged over
the batch, training minimizes one of

    H:  R + beta KL,             with beta > 1 a constraint on the code;
    B:  R + gamma |KL - C|,      with a capacity C that grows from 0 nats.
"""

import keras

from keras_gen.checks import check_not_negative, check_option
from keras_gen.models.vaes.disentangled import DisentangledVAE
from keras_gen.schedules import Schedule, check_scheduled

CAPACITY = Schedule(0.0, 25.0, over=100_000, unit="steps")


@keras.saving.register_keras_serializable(package="keras_gen")
class BetaVAE(DisentangledVAE):
    """beta-VAE.

    Args:
        objective: String. `"H"`, of Higgins et al., or `"B"`, of Burgess et
            al.
        beta: Float or `keras_gen.Schedule`. The weight of the KL divergence
            in `"H"`; 1 for the plain variational autoencoder. Compare models
            of other sizes by `beta * latent_dim / components of x`.
        gamma: Float. The weight of the distance to the capacity in `"B"`.
        capacity: Float or `keras_gen.Schedule`. The capacity `C` of `"B"`, in
            nats.

    Example:

    ```python
    model = keras_gen.BetaVAE((64, 64, 1), latent_dim=10, beta=4.0)
    model.compile()
    model.fit(images, batch_size=64, epochs=30)
    rows = model.traverse(images[0], dims=model.dimensions_by_kl(images))
    ```

    A bare `compile()` uses the rates of the papers: Adagrad at 0.01 for the
    `"mlp"`, Adam at 1e-4 for `"conv"` and at 5e-4 for `"burgess"`.
    """

    presets = {
        **DisentangledVAE.presets,
        "small": dict(
            **DisentangledVAE.presets["small"],
            objective="B",
            gamma=100.0,
            capacity=Schedule(0.0, 18.0, over=20),
        ),
    }

    def __init__(
        self,
        *args,
        objective: str = "H",
        beta: float | Schedule = 4.0,
        gamma: float = 1000.0,
        capacity: float | Schedule = CAPACITY,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_option("objective", objective, ("H", "B"))
        check_not_negative(gamma=gamma)
        check_scheduled("beta", beta, check_not_negative)
        check_scheduled("capacity", capacity, check_not_negative)
        self.objective = objective
        self.beta = beta
        self.gamma = gamma
        self.capacity = capacity
        if objective == "B":
            self.logged += ("capacity_gap",)

    def terms(self, bound):
        terms = super().terms(bound)
        if self.objective == "H":
            return terms
        return self.held_to(
            self.scheduled(self.capacity), "capacity_gap", terms
        )

    def term_weights(self):
        beta = self.scheduled(self.beta)
        return {"kl_divergence": beta, "capacity_gap": self.gamma}
