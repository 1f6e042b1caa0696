"""A deep autoencoder against as many principal components.

    python recipes/ae.py --dataset mnist --data-dir DIR
    python benchmarks/claims/ae.py --run runs/ae

Squared errors are summed over an image and averaged over the test images.
"""

import _claim as claim

from keras_gen import metrics


def figures(run, model):
    test = run.images("test")
    return {
        "squared_error": claim.squared_error(test, model.reconstruct(test)),
        "pca_squared_error": metrics.pca_reconstruction_error(
            run.images("train", 60_000), test, model.latent_dim
        ),
    }


if __name__ == "__main__":
    run, model = claim.opened(claim.parser(__doc__).parse_args().run)
    claim.write(run, figures(run, model))
