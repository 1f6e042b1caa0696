"""The authors' own S-VAE in PyTorch."""

import importlib
import sys

import torch
from _common import compare, sphere, with_sphere

from keras_gen.distributions import VonMisesFisher


def main(folder):
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
