"""Context encoder: the sizes of the official code's networks."""

from keras_gen import ContextEncoder
from tests.numerics import num_parameters


def test_the_networks_of_the_center():
    model = ContextEncoder()
    assert num_parameters(model.encoder, model.decoder) == 71_124_544
    assert num_parameters(model.discriminator) == 2_765_568
    assert model.decoder.output_shape == (None, 64, 64, 3)


def test_the_networks_of_random_regions():
    """One more transposed convolution, one more convolution of 64 filters."""
    center = ContextEncoder(latent_dim=100)
    model = ContextEncoder(mask="random_region", latent_dim=100)
    layer = 64 * 64 * 16 + 2 * 64
    networks = (model.encoder, model.decoder)
    assert (
        num_parameters(*networks)
        == num_parameters(center.encoder, center.decoder) + layer
    )
    assert num_parameters(model.discriminator) == 2_765_568 + layer
    assert model.decoder.output_shape == (None, 128, 128, 3)
