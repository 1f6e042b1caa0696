"""Tensors that both sides are given, and the comparison."""

import ast

import numpy as np
import torch

from keras_gen.distributions import HypersphericalUniform, VonMisesFisher

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


def functions_of(path, names, **scope):
    """Functions and classes of a file, without what else the file imports.

    Args:
        path: The file.
        names: Their names. Base classes and decorators are left out.
        **scope: The modules that they use.
    """
    found = []
    for node in ast.parse(path.read_text()).body:
        if getattr(node, "name", None) in names:
            node.decorator_list = []
            if isinstance(node, ast.ClassDef):
                node.bases = []
            found.append(node)
    exec(compile(ast.Module(found, []), path.name, "exec"), scope)
    return [scope[name] for name in names]


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
