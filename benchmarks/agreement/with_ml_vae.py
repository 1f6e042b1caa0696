"""The author's own ML-VAE."""

import numpy as np
import torch
from _common import BATCH, compare, functions_of, posterior

from keras_gen.distributions import Normal


def main(folder):
    names = ["accumulate_group_evidence"]
    (evidence,) = functions_of(folder / "utils.py", names, torch=torch)
    groups = torch.tensor(np.random.default_rng(0).integers(0, 9, BATCH))

    def theirs(seed):
        mean, log_variance, *_ = posterior(seed)
        parts = evidence(None, mean, log_variance, groups, False)
        return torch.cat(parts[:2])

    def ours(seed):
        mean, log_variance, *_ = posterior(seed)
        members = groups.unique()[:, None] == groups[None]
        q = Normal(mean, log_variance).product_over(members)
        return torch.cat([q.mean, q.log_variance])

    compare("ML-VAE, evidence of groups: multi-level-vae", ours, theirs)
