"""disentanglement_lib: what DIP-VAE and beta-TCVAE add to the ELBO."""

import math
import types

import numpy as np
import tensorflow as tf
import torch
from _common import BATCH, DIM, NUM_EXAMPLES, compare, functions_of, posterior

import keras_gen
from keras_gen.distributions import Normal
from keras_gen.losses.aggregated_posterior import log_aggregated_posterior


def main(folder):
    path = folder / "disentanglement_lib/methods/unsupervised/vae.py"
    names = (
        "compute_gaussian_kl",
        "compute_covariance_z_mean",
        "regularize_diag_off_diag_dip",
        "gaussian_log_density",
        "total_correlation",
        "BetaVAE",
        "DIPVAE",
        "BetaTCVAE",
    )
    scope = {"tf": tf.compat.v1, "math": math, "gin": gin()}
    divergence, *_, beta_vae, dip_vae, beta_tcvae = functions_of(
        path, names, **scope
    )

    def theirs(seed, model):
        mean, log_variance, z, _ = (t.numpy() for t in posterior(seed))
        kl = divergence(mean, log_variance)
        return model.regularizer(kl, mean, log_variance, z).numpy()

    sizes = dict(input_shape=(12,), latent_dim=DIM, hidden_units=8)
    dip = dict(**sizes, architecture="mlp", lambda_od=5.0)
    for name, model, other in (
        ("beta-VAE", keras_gen.BetaVAE(**sizes, beta=4.0), beta_vae(4.0)),
        ("DIP-VAE-I", keras_gen.DIPVAE(**dip), dip_vae(5.0, 10.0, "i")),
        (
            "DIP-VAE-II",
            keras_gen.DIPVAE(**dip, variant="ii"),
            dip_vae(5.0, 1.0, "ii"),
        ),
    ):

        def ours(seed, model=model):
            mean, log_variance, *_ = posterior(seed)
            q = Normal(mean, log_variance)
            kl = q.kl_divergence(Normal(torch.zeros_like(mean), 0.0))
            bound = types.SimpleNamespace(
                log_likelihood=torch.zeros(1), kl_divergence=kl, posterior=q
            )
            weights, terms = model.term_weights(), model.terms(bound)
            return sum(weights.get(k, 1.0) * terms[k] for k in terms)

        compare(
            f"{name}, regularizer: disentanglement_lib",
            ours,
            lambda seed, other=other: theirs(seed, other),
        )

    # The constants of the estimate, which theirs leaves out.
    constant = (DIM - 1) * math.log(BATCH * NUM_EXAMPLES)

    def ours(seed):
        mean, log_variance, z, _ = posterior(seed)
        q = Normal(mean, log_variance)
        kl = q.kl_divergence(Normal(torch.zeros_like(mean), 0.0)).mean()
        log_q, log_product = log_aggregated_posterior(
            z[None], q, NUM_EXAMPLES, "mws"
        )
        return kl + 5.0 * ((log_q - log_product).mean() - constant)

    compare(
        "beta-TCVAE, mws, up to its constant: disentanglement_lib",
        ours,
        lambda seed: np.asarray(theirs(seed, beta_tcvae(6.0))),
    )


def gin():
    """What its default arguments ask for."""
    return types.SimpleNamespace(REQUIRED=None)
