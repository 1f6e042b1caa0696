"""Whether refined images are better to learn from than synthetic ones.

    python recipes/simgan.py
    python benchmarks/claims/simgan.py --run runs/simgan

A convolutional network learns where the shape of a scene is: from synthetic
images, from the same images once they are refined, and, as a bound, from real
images. Its error is of held-out real images, the mean distance in pixels.
"""

import _claim as claim
import keras
import numpy as np
from keras import layers

import _scenes


def regression_error(x, y, test_x, test_y, side, epochs):
    """The mean distance of a network's predictions, in pixels."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input(x.shape[1:])])
    for filters in (16, 32, 64):
        network.add(
            layers.Conv2D(filters, 3, padding="same", activation="relu")
        )
        network.add(layers.MaxPooling2D(2))
    network.add(layers.Flatten())
    network.add(layers.Dense(128, activation="relu"))
    network.add(layers.Dense(2))
    network.compile(keras.optimizers.Adam(1e-3), "mse")
    network.fit(x, y, 64, epochs, verbose=2)
    found = network.predict(test_x, batch_size=500, verbose=0)
    return float(side * np.linalg.norm(found - test_y, axis=1).mean())


def figures(run, model, epochs, limit):
    side, spread = run.options.image_size, model.value_range

    def scenes(split, image, limit=None):
        names = (image, "center")
        return _scenes.scenes(split, side, names, limit, spread)

    synthetic, centers = scenes("train[:50%]", "image", limit)
    real, real_centers = scenes("train[50%:]", "degraded", limit)
    test = scenes("test", "degraded", limit)
    sets = {
        "synthetic": (synthetic, centers),
        "refined": (model.translate(synthetic), centers),
        "real": (real, real_centers),
    }
    found = {}
    for name, (x, y) in sets.items():
        print(f"Learning from {name} images:")
        error = regression_error(x, y, *test, side, epochs)
        found[f"pixel_error_{name}"] = error
    return found


if __name__ == "__main__":
    parser = claim.parser(__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--limit", type=int, help="images of each kind at most")
    arguments = parser.parse_args()
    run, model = claim.opened(arguments.run)
    found = figures(run, model, arguments.epochs, arguments.limit)
    claim.write(run, found)
