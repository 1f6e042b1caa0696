"""Coupled GANs learn pairs from images that are not paired."""

import keras
import numpy as np

from keras_gen import CoGAN


def test_coupling_is_learned_from_images_that_are_not_paired():
    """Bright bars, left or right, and dark ones. Of a pair, both are on the
    same side; without shared layers, they are so by chance."""

    def bars(seed):
        rng = np.random.default_rng(seed)
        x = rng.uniform(0.0, 0.1, (256, 10, 10, 1)).astype("float32")
        left = rng.uniform(size=256) < 0.5
        x[left, :, 1:4] += 0.9
        x[~left, :, 6:9] += 0.9
        return x

    def is_left(x):
        return x[:, :, :5].mean(axis=(1, 2, 3)) > x[:, :, 5:].mean(
            axis=(1, 2, 3)
        )

    a, b = bars(0), 1.0 - bars(1)
    agreements = []
    for shared in (2, 0):
        keras.utils.set_random_seed(0)
        model = CoGAN(
            image_shape=(10, 10, 1),
            latent_dim=3,
            generator_filters=(16, 8),
            discriminator_filters=(8, 16),
            shared_layers=shared,
            shared_discriminator_layers=2,
            seed=0,
        )
        model.compile(keras.optimizers.Adam(1e-3, beta_1=0.5))
        model.fit(a, b, batch_size=32, epochs=20, verbose=0)
        first, second = model.sample(400, seed=0)
        sides = is_left(first), is_left(1.0 - second)
        assert all(0.2 < side.mean() < 0.8 for side in sides)
        agreements.append((sides[0] == sides[1]).mean())
    assert agreements[0] > 0.9 and agreements[1] < 0.8
