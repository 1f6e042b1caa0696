"""probtorch: the structured semi-supervised model, for labeled examples."""

import collections
import collections.abc
import sys

import torch
from _common import compare
from _semi_vae import CLASSES, labels_and_bounds

DRAWS = 6


def main(folder):
    # Where they were before Python 3.10.
    for name in ("MutableMapping", "Mapping", "Iterable"):
        setattr(collections, name, getattr(collections.abc, name))
    sys.path.insert(0, str(folder))
    from probtorch import RandomVariable, Trace
    from probtorch.objectives import importance, montecarlo
    from probtorch.stochastic import Provenance

    model, bounds = labels_and_bounds("latent_first", DRAWS, labeled=True)

    def theirs(seed):
        batch, bound = bounds[seed]
        z, posterior = bound.latents.z, bound.latents.posterior
        y = torch.as_tensor(batch.y).expand(DRAWS, -1)
        x = torch.as_tensor(batch.x).expand(DRAWS, -1, -1)
        classes = torch.distributions.Categorical(logits=bound.log_q)
        normal = torch.distributions.Normal
        encoder, decoder = Trace(), Trace()
        spread = torch.exp(0.5 * posterior.log_variance)
        drawn, seen = Provenance.SAMPLED, Provenance.OBSERVED
        encoder["z"] = RandomVariable(normal(posterior.mean, spread), z, drawn)
        encoder["y"] = RandomVariable(classes, y, seen)
        uniform = torch.distributions.Categorical(
            logits=torch.zeros_like(bound.log_q)
        )
        decoder["y"] = RandomVariable(uniform, y, seen)
        zero = torch.zeros_like(z)
        decoder["z"] = RandomVariable(normal(zero, zero + 1.0), z, drawn)
        one_hot = torch.nn.functional.one_hot(y, bound.num_classes).float()
        logits = model.decoder(
            torch.cat([one_hot, z], dim=-1).reshape(-1, z.shape[-1] + CLASSES)
        ).reshape(x.shape)
        bernoulli = torch.distributions.Bernoulli(logits=logits)
        decoder["x"] = RandomVariable(bernoulli, x, seen)
        # Without the weights its divergence is without `log p(y)`: an iterator
        # of names is used up by then. Its own bound gives them.
        log_weights = encoder.log_joint(0, 1, ["y"])
        options = (0, 1, log_weights)
        fit = montecarlo.log_like(encoder, decoder, *options)
        divergence = montecarlo.kl(encoder, decoder, *options)
        log_y = importance.log_mean_exp(log_weights, 0).mean()
        return divergence - fit - (1.0 + model.alpha) * log_y

    def ours(seed):
        return model.bound_loss(bounds[seed][1])

    name = "Semi-VAE, latent first, labeled: probtorch"
    compare(name, ours, theirs)
