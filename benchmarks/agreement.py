"""Losses on equal tensors, against other people's implementations.

    git clone https://github.com/clementchadebec/benchmark_VAE pythae
    git clone https://github.com/nicola-decao/s-vae-pytorch
    git clone https://github.com/DianeBouchacourt/multi-level-vae
    KERAS_BACKEND=torch python benchmarks/agreement.py --pythae pythae \\
        --s-vae s-vae-pytorch --ml-vae multi-level-vae

What is not given is left out. pythae needs pydantic, imageio and dill. Printed
is the largest relative difference of a value from ours, over ten draws of the
parameters; where it is not small, what the other one computes is named.
"""

import argparse
import ast
import importlib
import math
import pathlib
import sys
import types

import keras
import numpy as np
import torch

import keras_gen
from keras_gen.distributions import (
    HypersphericalUniform,
    Normal,
    VonMisesFisher,
)
from keras_gen.engine import Batch
from keras_gen.losses.aggregated_posterior import log_aggregated_posterior
from keras_gen.losses.maximum_mean_discrepancy import (
    gaussian_kernel,
    inverse_multiquadric_kernel,
    maximum_mean_discrepancy,
)
from keras_gen.models.vaes import factor_vae

BATCH, DIM, NUM_EXAMPLES = 64, 5, 1000


def posterior(seed):
    """Means, log-variances and draws of a batch."""
    rng = np.random.default_rng(seed)
    mean, noise = rng.normal(size=(2, BATCH, DIM))
    log_variance = rng.normal(-1.0, 0.5, (BATCH, DIM))
    z = mean + np.exp(0.5 * log_variance) * noise
    arrays = (mean, log_variance, z, rng.normal(size=(BATCH, DIM)))
    return [torch.tensor(x.astype("float32")) for x in arrays]


def compare(name, ours, theirs, note=""):
    """Prints the largest difference of two functions of a seed."""
    worst = 0.0
    for seed in range(10):
        a, b = (
            np.asarray(torch.as_tensor(fn(seed)).detach(), "float64")
            for fn in (ours, theirs)
        )
        worst = max(
            worst, float(np.max(np.abs(a - b) / np.maximum(np.abs(a), 1.0)))
        )
    print(f"{name:<58} {worst:.1e}  {note}")


# ---- pythae -----------------------------------------------------------------


def with_pythae(folder):
    sys.path.insert(0, str(folder / "src"))
    # Its training pipelines, which need more packages, are not imported.
    for name in ("pythae", "pythae.models"):
        package = types.ModuleType(name)
        path = folder / "src" / pathlib.Path(*name.split("."))
        package.__path__ = [str(path)]
        sys.modules[name] = package
    info, tc, factor, sphere = (
        getattr(importlib.import_module(f"pythae.models.{module}"), cls)
        for module, cls in (
            ("info_vae.info_vae_model", "INFOVAE_MMD"),
            ("beta_tc_vae.beta_tc_vae_model", "BetaTCVAE"),
            ("factor_vae.factor_vae_model", "FactorVAE"),
            ("svae.svae_model", "SVAE"),
        )
    )
    x = torch.rand(BATCH, 12)
    reconstruction = torch.rand(BATCH, 12)
    config = types.SimpleNamespace(
        reconstruction_loss="bce", latent_dim=DIM, kernel_bandwidth=1.0
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

    other = peer(sphere)
    with_sphere("pythae", lambda q: other._compute_kl(q[0].shape[-1], q[1]))
    with_factor_vae(peer, factor, x, reconstruction)


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


# ---- S-VAE ------------------------------------------------------------------


def sphere(seed, m):
    """Mean directions, concentrations and points."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(2, BATCH, m))
    points /= np.linalg.norm(points, axis=-1, keepdims=True)
    k = 10.0 ** rng.uniform(0.0, 2.0, (BATCH, 1))
    arrays = (points[0], k, points[1])
    return [torch.tensor(x.astype("float32")) for x in arrays]


def with_sphere(name, divergence, note=""):
    for m in (3, 11, 41):

        def ours(seed, m=m):
            mean, k, _ = sphere(seed, m)
            q = VonMisesFisher(mean, k)
            return q.kl_divergence(HypersphericalUniform(m))

        compare(
            f"S-VAE, m={m}, KL divergence: {name}",
            ours,
            lambda seed, m=m: divergence(sphere(seed, m)),
            note,
        )


def with_s_vae(folder):
    sys.path.insert(0, str(folder))
    module = importlib.import_module("hyperspherical_vae.distributions")

    def divergence(parameters):
        mean, k, _ = parameters
        q = module.VonMisesFisher(mean, k, validate_args=False)
        p = module.HypersphericalUniform(mean.shape[-1] - 1)
        return torch.distributions.kl_divergence(q, p)

    with_sphere("s-vae-pytorch", divergence)
    for m in (3, 11, 41):

        def theirs(seed, m=m):
            mean, k, z = sphere(seed, m)
            q = module.VonMisesFisher(mean, k, validate_args=False)
            return q.log_prob(z)

        def ours(seed, m=m):
            mean, k, z = sphere(seed, m)
            return VonMisesFisher(mean, k).log_prob(z)

        compare(f"S-VAE, m={m}, log-density: s-vae-pytorch", ours, theirs)


# ---- ML-VAE -----------------------------------------------------------------


def with_ml_vae(folder):
    # The one function, without its module's imports.
    tree = ast.parse((folder / "utils.py").read_text())
    name = "accumulate_group_evidence"
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    scope = {"torch": torch}
    exec(compile(ast.Module(found, []), "utils.py", "exec"), scope)
    groups = torch.tensor(np.random.default_rng(0).integers(0, 9, BATCH))

    def theirs(seed):
        mean, log_variance, *_ = posterior(seed)
        parts = scope[name](None, mean, log_variance, groups, False)
        return torch.cat(parts[:2])

    def ours(seed):
        mean, log_variance, *_ = posterior(seed)
        members = groups.unique()[:, None] == groups[None]
        q = Normal(mean, log_variance).product_over(members)
        return torch.cat([q.mean, q.log_variance])

    compare("ML-VAE, evidence of groups: multi-level-vae", ours, theirs)


def main(arguments):
    if keras.backend.backend() != "torch":
        raise SystemExit(
            "The backend must be 'torch', as that of the others is. Received: "
            f"{keras.backend.backend()!r}. Set KERAS_BACKEND=torch."
        )
    for name, check in (
        ("pythae", with_pythae),
        ("s_vae", with_s_vae),
        ("ml_vae", with_ml_vae),
    ):
        if getattr(arguments, name):
            check(getattr(arguments, name))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for option in ("--pythae", "--s-vae", "--ml-vae"):
        parser.add_argument(option, type=pathlib.Path, help="a clone")
    main(parser.parse_args())
