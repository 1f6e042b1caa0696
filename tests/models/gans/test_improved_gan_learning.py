"""The improved techniques learn classes and samples."""

import keras
import numpy as np

from keras_gen import ImprovedGAN


def blobs(n, rng):
    """Two classes, each of two clusters of 4 pixels, on different sides."""
    classes = rng.integers(0, 2, n)
    corner = rng.integers(0, 2, n)
    x = rng.uniform(0.0, 0.15, (n, 4, 4, 1))
    for i in range(n):
        row, column = 2 * classes[i], 2 * corner[i]
        x[i, row : row + 2, column : column + 2] += 0.8
    return x.astype("float32"), classes.astype("int32")


def test_it_learns_classes_and_samples():
    """The generator comes to the mean image, the classifier to the classes."""
    rng = np.random.default_rng(0)
    x, y = blobs(600, rng)
    labels = np.where(np.arange(600) % 6 == 0, y, -1)
    model = ImprovedGAN(
        image_shape=(4, 4, 1),
        num_classes=2,
        latent_dim=3,
        generator_units=(16,),
        discriminator_units=(32, 16),
        seed=0,
    )
    model.initialize_from(x[:100])
    model.compile()

    def error():
        gap = model.sample(200, seed=0).mean(axis=0) - x.mean(axis=0)
        return np.abs(gap).mean()

    before = error()
    keras.utils.set_random_seed(0)
    model.fit(x, labels, batch_size=60, epochs=12, verbose=0)
    test, classes = blobs(200, rng)
    assert (model.classify(test) == classes).mean() > 0.95
    assert error() < 0.6 * before
