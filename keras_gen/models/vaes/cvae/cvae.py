"""The conditional variational autoencoder, GSNN and hybrid.

K. Sohn, H. Lee and X. Yan, "Learning Structured Output Representation using
Deep Conditional Generative Models", NIPS 2015,
https://papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html

A conditional prior `p(z|x)`, a generation network `p(y|x, z)` and a recognition
network `q(z|x, y)` model the output `y` for an input `x`. Training minimizes

    L_CVAE = KL(q(z|x, y) || p(z|x)) - E_q(z|x, y)[log p(y|x, z)],

or, with draws as at test time (a Gaussian stochastic neural network), or both,

    L_GSNN   = -E_p(z|x)[log p(y|x, z)],
    L_hybrid = a L_CVAE + (1 - a) L_GSNN.
"""

import math
from functools import partial

import keras
import numpy as np
from keras import ops

from keras_gen.checks import (
    as_units,
    check_fraction,
    check_option,
    check_positive,
)
from keras_gen.engine import Batch, Examples, Labels
from keras_gen.models.bounds import Bound
from keras_gen.models.vaes.cvae.conditional import ConditionalLatentModel
from keras_gen.networks.mlp import mlp_decoder, mlp_encoder


@keras.saving.register_keras_serializable(package="keras_gen")
class CVAE(ConditionalLatentModel):
    """Conditional variational autoencoder.

    It is trained by `fit(x, y)`, where `y` is the output for the input `x`, its
    condition. `model.predict(x)` returns the mean output for the mean of the
    prior, `model.sample(64, labels=x[0])` as many outputs for one input: what
    other models call labels are inputs here.

    Args:
        condition_shape: Tuple. The shape of an input.
        output_shape: Tuple. The shape of an output.
        num_classes: Integer or `None`. If given, inputs are classes in place
            of arrays: integers, which the networks get as one-hot vectors.
        latent_dim: Integer. The size of `z`.
        hidden_units: Integer or tuple. The units of the ReLU layers of each
            network; the generation network has them in reverse.
        hybrid_weight: Float from 0 to 1, the weight `a` of `L_CVAE`. With 0
            there is no recognition network: a GSNN.
        conditional_prior: Boolean. Whether the prior of `z` depends on the
            input, as in the paper, or is N(0, I).
        likelihood: String, `p(y|x, z)`: `"bernoulli"` for `y` in [0, 1], or
            `"gaussian"`, of standard deviation `scale`.
        scale: Float. The standard deviation of `"gaussian"`.
        output_mask: Array of `output_shape` or `None`. 1 for the components of
            an output that are predicted and counted, 0 for those that are
            not; they are those of the input where it has the shape of the
            output, such as the visible part of a picture.
        recognition_net: `keras.Model` from `[x, y]` to mean and log-variance
            of `z`.
        prior_net: `keras.Model` from `x` to mean and log-variance of `z`.
        generation_net: `keras.Model` from `[x, z]` to the logits
            (`"bernoulli"`) or the mean (`"gaussian"`) of `y`.
        baseline_net: `keras.Model` from `x` to a first guess of `y`, trained
            before, or `None`. If given, the prior and the generation networks
            see `x` and the guess, concatenated (the paper's recurrent
            connection). It is frozen.

    Example:

    ```python
    model = keras_gen.CVAE((28, 28, 1), (28, 28, 1), output_mask=hidden)
    model.compile()
    model.fit(visible, images, batch_size=100, epochs=5)
    completions = model.sample(16, labels=visible[0])
    nats = model.conditional_log_likelihood(visible, images, num_samples=100)
    ```

    A bare `compile()` uses Adam with a rate of 1e-3. It and the sizes of the
    networks are those of the re-implementation that Pyro documents; the
    paper's own are not known for sure.

    Reference:

    - [Pyro](https://pyro.ai/examples/cvae.html), for the networks
    """

    players = {"model": ["recognition_net", "prior_net", "generation_net"]}
    presets = {
        "small": dict(latent_dim=50),
        "smoke": dict(latent_dim=8, hidden_units=64),
    }

    def __init__(
        self,
        condition_shape: tuple[int, ...] = (28, 28, 1),
        output_shape: tuple[int, ...] = (28, 28, 1),
        num_classes: int | None = None,
        latent_dim: int = 200,
        hidden_units: int | tuple[int, ...] = (500, 500),
        hybrid_weight: float = 1.0,
        conditional_prior: bool = True,
        likelihood: str = "bernoulli",
        scale: float = 1.0,
        output_mask: np.ndarray | None = None,
        recognition_net: keras.Model | None = None,
        prior_net: keras.Model | None = None,
        generation_net: keras.Model | None = None,
        baseline_net: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("likelihood", likelihood, ("bernoulli", "gaussian"))
        check_positive(latent_dim=latent_dim, scale=scale)
        check_fraction(hybrid_weight=hybrid_weight)
        self.output_shape = output = tuple(output_shape)
        self.latent_dim = latent_dim
        self.hybrid_weight = hybrid_weight
        self.conditional_prior = conditional_prior
        self.likelihood_kind = likelihood
        self.scale = scale
        self.value_range = (0.0, 1.0) if likelihood == "bernoulli" else None
        self.condition = Examples(tuple(condition_shape), "condition_shape")
        x = self.condition.shape
        if num_classes is not None:
            check_positive(num_classes=num_classes)
            self.condition, x = Labels(num_classes), (num_classes,)
        mask = np.ones(output) if output_mask is None else output_mask
        self.mask = np.asarray(mask, "float32")
        zeros_and_ones = np.isin(self.mask, (0.0, 1.0)).all()
        if self.mask.shape != output or not zeros_and_ones:
            raise ValueError(
                f"`output_mask` must be zeros and ones of the shape {output}, "
                f"as `output_shape` sets. Received: shape={self.mask.shape}, "
                f"values from {self.mask.min():g} to {self.mask.max():g}."
            )
        self.baseline_net, seen = None, x
        if baseline_net is not None:
            baseline_net.trainable = False
            self.baseline_net = self.network_of(
                "baseline_net", baseline_net, None, [x], [output]
            )
            seen = (math.prod(x) + math.prod(output),)
        units, code = as_units("hidden_units", hidden_units), (latent_dim,)
        heads = {"mean": latent_dim, "log_variance": latent_dim}
        name, inputs = "recognition_net", [x, output]
        self.recognition_net = self.network_of(
            name,
            recognition_net,
            partial(mlp_encoder, inputs, units, heads, name=name),
            inputs,
            [code, code],
            used=hybrid_weight > 0.0,
        )
        self.prior_net = self.network_of(
            "prior_net",
            prior_net,
            partial(mlp_encoder, seen, units, heads, name="prior_net"),
            [seen],
            [code, code],
            used=conditional_prior,
        )
        name, inputs = "generation_net", [seen, code]
        self.generation_net = self.network_of(
            name,
            generation_net,
            partial(mlp_decoder, output, units[::-1], inputs, name=name),
            inputs,
            [output],
            logits=int(likelihood == "bernoulli"),
        )
        networks = ("recognition_net", "prior_net", "generation_net")
        used = [name for name in networks if getattr(self, name) is not None]
        self.players = {"model": used}
        if hybrid_weight < 1.0:
            bound_terms = self.logged if hybrid_weight > 0.0 else ()
            self.logged = (*bound_terms, "gsnn_loss")

    def data_spec(self):
        return Batch(x=self.condition, y=self.examples_spec())

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-3)

    # ---- Training -----------------------------------------------------------

    def bound(self, batch, num_samples=1, training=False):
        """The bound of a batch of inputs and outputs."""
        p = self.prior_of(batch.x, training)
        q = self.recognition(batch.x, batch.y, training)
        z = q.sample(num_samples, seed=self.posterior_seed)
        likelihood = self.generation(batch.x, z, training)
        of_z = (q, p, likelihood)
        return Bound(Batch(batch.y), z, *of_z, self.estimator, training)

    def model_loss(self, batch, training):
        loss, weight = 0.0, self.hybrid_weight
        if weight > 0.0:
            bound = self.bound(batch, self.num_samples, training)
            loss = weight * self.bound_loss(bound)
        if weight < 1.0:
            draws = self.log_likelihoods(batch, self.num_samples, training)
            gsnn_loss = -ops.mean(draws)
            self.log(gsnn_loss=gsnn_loss)
            loss = loss + (1.0 - weight) * gsnn_loss
        return loss
