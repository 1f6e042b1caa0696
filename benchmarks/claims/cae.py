"""A contractive autoencoder against the same network without contraction.

    python recipes/cae.py --dataset mnist --data-dir DIR
    python benchmarks/claims/cae.py --run runs/cae

The figures are the squared Frobenius norm of the encoder's Jacobian at the test
images, the squared error, also that of 30 principal components, the fraction of
units below 0.05 or above 0.95, and the error of a softmax on the codes, in
percent. `tangents.png` in the run's folder has an image in each row, and the
directions in which its code moves most. Of a run of `--variant stacked`, the
figures are the test errors of the classifier, in percent, with the pretraining
and without it.
"""

import _claim as claim
import numpy as np

import keras_gen
from keras_gen import metrics, pictures


def figures(run, model):
    if isinstance(model, keras_gen.StackedCAE):
        return claim.stacked(run, model)
    changes = {"contraction_weight": 0.0, "hessian_weight": 0.0}
    plain = claim.control(run, model, claim.images(run), **changes)
    test = run.images("test")
    found = {
        "pca_squared_error": metrics.pca_reconstruction_error(
            run.images("train", 60_000), test, 30
        )
    }
    for name, trained in (("", model), ("plain_", plain)):
        logs = trained.evaluate(
            test, batch_size=1000, verbose=0, return_dict=True
        )
        codes = trained.encode(test)
        found |= {
            f"{name}jacobian_norm": logs["jacobian_norm"],
            f"{name}squared_error": logs["squared_error"],
            f"{name}saturated_fraction": np.mean(abs(codes - 0.5) > 0.45),
            f"{name}probe_error": claim.probe_error(run, trained.encode),
        }
    return found


def save_tangents(run, model):
    """Draws images, and the leading singular vectors of their Jacobians."""
    images = run.images("test", 10)
    directions, _ = model.tangents(images, count=9)
    scaled = 0.5 + directions / (2.0 * np.abs(directions).max())
    rows = np.concatenate([images[:, None], scaled], axis=1)
    grid = pictures.image_grid(rows.reshape(-1, *run.image_shape), columns=10)
    pictures.save_image(run.folder / "tangents.png", grid)


if __name__ == "__main__":
    run, model = claim.opened(claim.parser(__doc__).parse_args().run)
    if isinstance(model, keras_gen.CAE):
        save_tangents(run, model)
    claim.write(run, figures(run, model))
