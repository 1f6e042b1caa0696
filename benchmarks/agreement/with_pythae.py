"""pythae: InfoVAE, beta-TCVAE, FactorVAE, S-VAE, and the VampPrior."""

import importlib
import math
import pathlib
import sys
import types

import torch
from _common import BATCH, DIM, NUM_EXAMPLES, compare, posterior, with_sphere

import keras_gen
from keras_gen.distributions import Normal
from keras_gen.engine import Batch
from keras_gen.losses.aggregated_posterior import log_aggregated_posterior
from keras_gen.losses.maximum_mean_discrepancy import (
    gaussian_kernel,
    inverse_multiquadric_kernel,
    maximum_mean_discrepancy,
)
from keras_gen.models.vaes import factor_vae


def main(folder):
    sys.path.insert(0, str(folder / "src"))
    # Its training pipelines, which need more packages, are not imported.
    for name in ("pythae", "pythae.models"):
        package = types.ModuleType(name)
        path = folder / "src" / pathlib.Path(*name.split("."))
        package.__path__ = [str(path)]
        sys.modules[name] = package
    info, tc, factor, sphere, vamp = (
        getattr(importlib.import_module(f"pythae.models.{module}"), cls)
        for module, cls in (
            ("info_vae.info_vae_model", "INFOVAE_MMD"),
            ("beta_tc_vae.beta_tc_vae_model", "BetaTCVAE"),
            ("factor_vae.factor_vae_model", "FactorVAE"),
            ("svae.svae_model", "SVAE"),
            ("vamp.vamp_model", "VAMP"),
        )
    )
    x = torch.rand(BATCH, 12)
    reconstruction = torch.rand(BATCH, 12)
    config = types.SimpleNamespace(
        reconstruction_loss="bce",
        latent_dim=DIM,
        kernel_bandwidth=1.0,
        input_dim=(12,),
    )

    def peer(cls, **attributes):
        """An object with the methods of a class, and no networks."""
        methods = {k: v for k, v in vars(cls).items() if callable(v)}
        methods.pop("__init__")
        made = type(cls.__name__, (), methods)()
        vars(made).update(model_config=config, **attributes)
        return made

    scales = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]
    kernels = {
        "rbf": lambda s: gaussian_kernel(s, math.sqrt(DIM)),
        "imq": lambda s: 7.0 * inverse_multiquadric_kernel(s, DIM),
    }
    for name, kernel in kernels.items():
        other = peer(
            info, alpha=0.3, lbd=5.0, kernel_choice=name, scales=scales
        )

        def theirs(seed, other=other):
            mean, log_variance, z, prior = posterior(seed)
            loss, fit, *_ = other.loss_function(
                reconstruction, x, z, prior, mean, log_variance
            )
            return loss - fit

        def ours(seed, kernel=kernel, name=name):
            mean, log_variance, z, prior = posterior(seed)
            kl = Normal(mean, log_variance).kl_divergence(
                Normal(torch.zeros_like(mean), 0.0)
            )
            # Its mean over the diagonal counts in none of its terms.
            one = kernel if name == "rbf" else lambda s: kernel(s) / 7.0
            mmd = maximum_mean_discrepancy(z, prior, one, unbiased=True)
            mmd = mmd if name == "rbf" else 7.0 * mmd
            return 0.7 * kl.mean() + 4.3 * mmd

        compare(f"InfoVAE, {name}, unbiased: pythae", ours, theirs)

    for sampling, use_mss, note in (
        ("mws", False, ""),
        ("mss", True, "weights in the first columns, not by the diagonal"),
    ):
        other = peer(tc, use_mss=use_mss, alpha=1.0, beta=6.0, gamma=1.0)

        def theirs(seed, other=other):
            mean, log_variance, z, _ = posterior(seed)
            return other.loss_function(
                reconstruction, x, mean, log_variance, z, NUM_EXAMPLES
            )[2]

        def ours(seed, sampling=sampling):
            mean, log_variance, z, _ = posterior(seed)
            q = Normal(mean, log_variance)
            log_q, log_product = log_aggregated_posterior(
                z[None], q, NUM_EXAMPLES, sampling
            )
            log_prior = Normal(torch.zeros_like(z), 0.0).log_prob(z)
            parts = (
                q.log_prob(z) - log_q,
                log_q - log_product,
                log_product - log_prior,
            )
            return sum(
                weight * part.mean()
                for weight, part in zip((1.0, 6.0, 1.0), parts, strict=True)
            )

        compare(f"BetaTCVAE, {sampling}: pythae", ours, theirs, note)

    with_vampprior(peer, vamp)
    other = peer(sphere)
    with_sphere("pythae", lambda q: other._compute_kl(q[0].shape[-1], q[1]))
    with_factor_vae(peer, factor, x, reconstruction)


def with_vampprior(peer, cls):
    model = keras_gen.RateDistortionVAE(
        (12,),
        latent_dim=DIM,
        architecture="mlp",
        hidden_units=8,
        kernel_initializer="glorot_uniform",
        marginal="vampprior",
        num_components=7,
        seed=0,
    )
    pseudo_inputs = model.marginal_parameters.values()

    def encoder(x):
        q = model.posterior(x)
        return types.SimpleNamespace(
            embedding=q.mean, log_covariance=q.log_variance
        )

    other = peer(
        cls,
        number_components=7,
        encoder=encoder,
        pseudo_inputs=lambda x: pseudo_inputs,
        idle_input=torch.eye(7),
    )
    # It leaves out the constant of the normal density.
    constant = 0.5 * DIM * math.log(2.0 * math.pi)

    def theirs(seed):
        return other._log_p_z(posterior(seed)[2]) - constant

    def ours(seed):
        return model.prior.log_prob(posterior(seed)[2])

    compare("Rate-distortion VAE, VampPrior: pythae", ours, theirs)


def with_factor_vae(peer, cls, x, reconstruction):
    model = keras_gen.FactorVAE(
        (12,),
        latent_dim=DIM,
        architecture="mlp",
        hidden_units=8,
        discriminator_units=(16,),
        gamma=35.0,
        seed=0,
    )
    other = peer(cls, gamma=35.0, discriminator=model.discriminator)

    def theirs(seed):
        mean, log_variance, z, permuted = posterior(seed)
        fit, total, loss = other.loss_function(
            reconstruction, x, mean, log_variance, z, permuted
        )
        return torch.stack([total - fit, loss])

    def ours(seed):
        mean, log_variance, z, permuted = posterior(seed)
        q = Normal(mean, log_variance)
        kl = q.kl_divergence(Normal(torch.zeros_like(mean), 0.0))
        correlation = model.log_ratio(z).mean()
        # The draws and their permutation, as they are given here.
        model.posterior = lambda *arguments: q
        factor_vae.permute_dims = lambda draws, seed: permuted
        loss = model.permutation_loss(z, Batch(x), training=False)
        return torch.stack([kl.mean() + 35.0 * correlation, loss])

    compare("FactorVAE, both players: pythae", ours, theirs)
