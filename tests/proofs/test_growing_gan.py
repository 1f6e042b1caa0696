"""A model that grows while it trains."""

import keras
import numpy as np
import pytest

import keras_gen
from tests.contract.case import Case, all_cases
from tests.contract.helpers import arrays, assert_identical, fit, state_of
from tests.numerics import array

# Steps of 8 images: one of 2x2, one within the fade to 4x4.
SETTINGS = {
    "latent_dim": 2,
    "stable_images": 8,
    "fade_images": 16,
    "batch_sizes": (8, 8, 4),
}
CONTRACT = {
    "growing_gan": Case(
        **SETTINGS,
        # The heads and blocks of the sizes to come, and the critic's bias.
        unmoved={"critic": 9, "generator": 4},
    )
}


@pytest.fixture(scope="module")
def case():
    return all_cases()["growing_gan"]


def test_phases_and_levels(case):
    model = case.build()
    stages = [model.phase_at(n) for n in range(0, 80, 8)]
    assert stages == [0, 1, 1, 2, 3, 3, 4, 4, 4, 4]
    levels = [float(model.level_at(n)) for n in range(0, 80, 8)]
    assert levels == [0, 0, 0.5, 1, 1, 1.5, 2, 2, 2, 2]


def test_stopped_in_a_fade_it_goes_on_through_the_next_growth(case, tmp_path):
    """Epochs of one step. A new phase begins with fresh moments, and leaves
    the sizes to come alone."""
    path = tmp_path / "model.keras"
    model, data = case.compiled(), case.data(steps=1)
    stages, later = [], []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            iterations = int(self.model.optimizer["critic"].iterations)
            stages.append((self.model.stage, iterations))
            later.append(arrays(self.model.generator.blocks[2].weights)[0])
            if epoch == 2:
                self.model.save(path)

    fit(model, data, epochs=6, callbacks=[Watch()])
    # Two updates in each step of the last size.
    assert stages == [(0, 1), (1, 1), (1, 2), (1, 1), (2, 2), (2, 4)]
    # The first step of a fade gives the new stage no weight yet.
    moved = [not np.array_equal(later[0], weights) for weights in later]
    assert moved == [False, False, False, False, False, True]

    loaded = keras_gen.load_model(path)
    assert float(loaded.growth.level) == 0.5
    fit(loaded, data, epochs=3)
    assert loaded.stage == 2
    assert_identical(state_of(model), state_of(loaded))


def test_images_and_samples_are_mixed_alike(case):
    """At the start of a fade both are the enlarged images of the stage
    before."""
    model = case.build()
    (x,) = case.data(steps=1)
    model.specialize(stage=1)
    model.growth.level.assign(0.0)
    real = array(model.process_examples(x))
    assert real.shape == (8, 4, 4, 1)
    blocks = real.reshape(8, 2, 2, 2, 2, 1)
    means = blocks.mean((2, 4), keepdims=True)
    np.testing.assert_allclose(blocks, np.broadcast_to(means, blocks.shape))
    model.growth.level.assign(1.0)
    fine = array(model.process_examples(x))
    expected = x.reshape(8, 4, 2, 4, 2, 1).mean((2, 4))
    np.testing.assert_allclose(fine, expected, atol=1e-6)
    z = array(model.draw_latents(3))
    for level, stage in ((1.0, 1), (1.5, 2), (2.0, 2)):
        model.growth.level.assign(level)
        model.specialize(stage=stage)
        step = array(model.generate_step(z))
        factor = 8 // step.shape[1]
        enlarged = step.repeat(factor, 1).repeat(factor, 2)
        np.testing.assert_allclose(model.generate(z), enlarged, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"image_shape": (12, 12, 1)}, "first_size"),
        ({"image_shape": (8, 4, 1)}, "square"),
        ({"batch_sizes": (8, 4)}, r"sizes \(2, 4, 8\)"),
    ],
)
def test_sizes_must_fit(case, arguments, words):
    with pytest.raises(ValueError, match=words):
        case.build(**arguments)
