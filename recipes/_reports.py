"""What recipes report of a trained model besides its samples."""

import numpy as np

from keras_gen import data, metrics


def likelihoods(run, model, images, binary=True):
    """The bounds of a variational model on held-out images.

    Args:
        run: `Run`.
        model: The trained model.
        images: Array in [0, 1]. Of the first 1000, the importance-weighted
            bounds are estimated as well.
        binary: Boolean. Whether the images are binarized.

    Returns:
        Dictionary of means in nats.
    """
    if binary:
        uniform = np.random.default_rng(0).uniform(size=images.shape)
        images = (uniform < images).astype("float32")
    parts = model.elbo(images)
    some = images[:1000]
    report = {
        "negative_elbo": -parts["elbo"].mean(),
        "kl_divergence": parts["kl_divergence"].mean(),
        "reconstruction_loss": -parts["log_likelihood"].mean(),
        "test_examples": len(images),
        "importance_examples": len(some),
    }
    most = run.options.importance_samples or (10 if run.smoke else 100)
    for draws in sorted({1, 10, most}):
        bound = model.log_likelihood(some, num_samples=draws)
        report[f"negative_log_likelihood_{draws}"] = -bound.mean()
    return report


def disentanglement(run, model):
    """The disentanglement metrics of a model of sprites, and their pictures.

    Args:
        run: `Run`.
        model: The trained model.

    Returns:
        Dictionary of scores; empty for data whose factors are not known.
    """
    if run.options.dataset != "sprites":
        return {}
    few, many = (50, 200) if run.smoke else (2000, 10_000)
    draws = {"num_train": few, "num_test": few // 2}
    report = metrics.disentanglement_report(
        model,
        data.sprite_factor_data(run.options.image_size),
        num_train=many,
        num_test=many // 2,
        num_bins=40,
        max_classes=8,
        options={"beta_vae": draws, "factor_vae": draws},
        decoder=model,
    )
    print(report.table())
    report.save_pictures(run.folder / "disentanglement")
    return report.scores
