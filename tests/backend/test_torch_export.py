"""Formats of Keras other than the SavedModel: `model(inputs)` alone."""

import keras
import numpy as np
import pytest
import torch

import keras_gen


@pytest.mark.parametrize("name", ["VAE", "DCGAN"])
def test_a_model_that_was_never_called_is_exported(name, tmp_path):
    """For one example, as Keras writes it."""
    model = {
        "VAE": lambda: keras_gen.VAE((6,), latent_dim=2, hidden_units=4),
        "DCGAN": lambda: keras_gen.DCGAN(
            (8, 8, 1), base_filters=2, latent_dim=6
        ),
    }[name]()
    path = tmp_path / "model.pt2"
    model.export(path, format="torch", verbose=False)
    x = np.random.default_rng(0).random((1, 6), "float32")
    served = torch.export.load(path).module()(torch.as_tensor(x))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(served),
        keras.ops.convert_to_numpy(model(x)),
        rtol=1e-5,
        atol=1e-6,
    )
