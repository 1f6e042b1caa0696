"""Pyro: the bounds of CVAE, and of M2 with the classes summed out."""

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from _common import BATCH, DIM, compare
from _semi_vae import CLASSES, labels_and_bounds
from pyro.infer import Trace_ELBO, TraceEnum_ELBO

import keras_gen
from keras_gen.engine import Batch


def normal(q):
    """One of our normal distributions, as theirs."""
    return dist.Normal(q.mean, torch.exp(0.5 * q.log_variance)).to_event(1)


def main():
    semi_vae(labeled=False)
    semi_vae(labeled=True)
    cvae()


def semi_vae(labeled):
    model, bounds = labels_and_bounds("class_first", 1, labeled)
    elbo = TraceEnum_ELBO(max_plate_nesting=1)
    enumerated = {"enumerate": "parallel"}

    def theirs(seed):
        batch, bound = bounds[seed]
        shape = (BATCH, CLASSES, DIM)
        each = bound.latents.z.reshape(shape)
        density = bound.latents.posterior.log_prob(bound.latents.z)
        density = density.reshape(shape[:2])
        rows, given = torch.arange(BATCH), batch.y if labeled else None

        def guide():
            with pyro.plate("examples", BATCH):
                y = given
                if not labeled:
                    classes = dist.Categorical(logits=bound.log_q)
                    y = pyro.sample("y", classes, infer=enumerated)
                point = dist.Delta(each[rows, y], density[rows, y], 1)
                pyro.sample("z", point)

        def generative():
            with pyro.plate("examples", BATCH):
                uniform = dist.Categorical(torch.ones(CLASSES))
                y = pyro.sample("y", uniform, obs=given)
                prior = dist.Normal(torch.zeros(DIM), 1.0).to_event(1)
                z = pyro.sample("z", prior)
                one_hot = torch.nn.functional.one_hot(y, CLASSES).float()
                code = torch.cat([one_hot.expand(*z.shape[:-1], -1), z], -1)
                flat = code.reshape(-1, code.shape[-1])
                logits = model.decoder(flat).reshape(*z.shape[:-1], 12)
                pixels = dist.Bernoulli(logits=logits).to_event(1)
                pyro.sample("x", pixels, obs=batch.x)

        return elbo.differentiable_loss(generative, guide) / BATCH

    def ours(seed):
        return -bounds[seed][1].elbo.mean()

    kind = "labeled" if labeled else "unlabeled"
    compare(f"Semi-VAE, M2, {kind}: Pyro", ours, theirs)


def cvae():
    model = keras_gen.CVAE(
        (12,),
        (9,),
        latent_dim=DIM,
        hidden_units=(8,),
        estimator="monte_carlo",
        seed=0,
    )
    bounds = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, y = rng.uniform(size=(BATCH, 21)), rng.integers(0, 2, (BATCH, 21))
        batch = [torch.tensor(a.astype("float32")) for a in (x, y)]
        batch = Batch(batch[0][:, :12], batch[1][:, 12:])
        bounds.append((batch, model.bound(batch, 1)))

    def theirs(seed):
        batch, bound = bounds[seed]
        z = bound.z[0]

        def guide():
            with pyro.plate("examples", BATCH):
                density = normal(bound.posterior).log_prob(z)
                pyro.sample("z", dist.Delta(z, density, 1))

        def generative():
            with pyro.plate("examples", BATCH):
                code = pyro.sample("z", normal(model.prior_of(batch.x)))
                logits = model.generation_net([batch.x, code])
                pixels = dist.Bernoulli(logits=logits).to_event(1)
                pyro.sample("y", pixels, obs=batch.y)

        return Trace_ELBO().differentiable_loss(generative, guide) / BATCH

    def ours(seed):
        return model.bound_loss(bounds[seed][1])

    compare("CVAE: Pyro", ours, theirs)
