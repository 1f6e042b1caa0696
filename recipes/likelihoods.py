"""The likelihoods of variational models, for their recipes."""

import numpy as np


def likelihoods(run, model, num_samples, limit=1000):
    """The bounds of a variational model on held-out, binarised images.

    Args:
        run: The `Run`.
        model: The trained model.
        num_samples: Draws for the importance-weighted bound, or `None` for
            the preset's.
        limit: Examples for the importance-weighted bounds; the ELBO is that
            of all test examples of the preset.

    Returns:
        Dictionary of means in nats.
    """
    rng = np.random.default_rng(0)
    grey = run.images("test", run.preset.test_examples)
    x = (rng.uniform(size=grey.shape) < grey).astype("float32")
    parts = model.elbo(x)
    results = {
        "negative_elbo": -parts["elbo"].mean(),
        "kl_divergence": parts["kl_divergence"].mean(),
        "reconstruction_loss": -parts["log_likelihood"].mean(),
        "test_examples": len(x),
        "importance_examples": min(limit, len(x)),
    }
    num_samples = num_samples or run.preset.importance_samples
    for draws in sorted({1, 10, num_samples}):
        bound = model.log_likelihood(x[:limit], draws)
        results[f"negative_log_likelihood_{draws}"] = -bound.mean()
    return results
