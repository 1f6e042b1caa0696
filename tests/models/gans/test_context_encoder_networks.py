"""Context encoder: the sizes of the official code's networks."""

import numpy as np

from keras_gen import ContextEncoder


def count(*networks):
    return sum(
        int(np.prod(v.shape)) for n in networks for v in n.trainable_variables
    )


def test_the_networks_of_the_center():
    model = ContextEncoder()
    assert count(model.encoder, model.decoder) == 71_124_544
    assert count(model.discriminator) == 2_765_568
    assert model.decoder.output_shape == (None, 64, 64, 3)


def test_the_networks_of_random_regions():
    """One more transposed convolution, one more convolution of 64 filters."""
    center = ContextEncoder(latent_dim=100)
    model = ContextEncoder(mask="random_region", latent_dim=100)
    layer = 64 * 64 * 16 + 2 * 64
    networks = (model.encoder, model.decoder)
    assert count(*networks) == count(center.encoder, center.decoder) + layer
    assert count(model.discriminator) == 2_765_568 + layer
    assert model.decoder.output_shape == (None, 128, 128, 3)
