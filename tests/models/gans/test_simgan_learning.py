"""SimGAN: what the paper's refiner learns before the game."""

import numpy as np
import pytest

from keras_gen import SimGAN


def test_a_bare_compile_learns_the_identity():
    """By the networks of the paper, without saturating."""
    model = SimGAN(
        (12, 16, 1), history_size=0, refiner_pretraining=10_000, seed=0
    )
    model.compile()
    adam = model.optimizer["refiner"].get_config()
    assert adam["learning_rate"] == pytest.approx(1e-3)
    assert adam["clipnorm"] == 50.0
    rng = np.random.default_rng(0)
    # Smooth images: values of 3x4 squares, enlarged.
    x = rng.uniform(-0.8, 0.8, (48, 3, 4, 1)).astype("float32")
    x = x.repeat(4, axis=1).repeat(4, axis=2)
    model.fit(x, x, batch_size=24, epochs=20, verbose=0)
    refined = model.translate(x)
    assert np.abs(refined - x).mean() < 0.5 * np.abs(x).mean()
    assert np.abs(refined).max() < 0.99
