"""The networks of BicycleGAN that no other model has."""

import keras
from keras import layers

from keras_gen.layers import InstanceNormalization
from keras_gen.networks.conv import strided_conv
from keras_gen.networks.resnet import residual_block


def xavier():
    """Glorot's normal initializer with the gain 0.02."""
    return keras.initializers.VarianceScaling(
        0.02**2, "fan_avg", "untruncated_normal"
    )


def leaky_relu():
    return layers.LeakyReLU(0.2)


def resnet_encoder(shape, latent_dim, filters, num_blocks):
    """From an image to the mean and the log-variance of its latents."""

    def conv(x, size, kernel_size, use_bias=True, gain=None):
        return layers.Conv2D(
            size, kernel_size, padding="same", kernel_initializer=xavier()
        )(x)

    images = keras.Input(shape)
    x = strided_conv(filters, 4, kernel_initializer=xavier())(images)
    for block in range(num_blocks):
        x = residual_block(
            x,
            filters * min(block + 2, 4),
            conv,
            norm=InstanceNormalization,
            resample="down",
            activation=leaky_relu,
        )
    x = layers.GlobalAveragePooling2D()(leaky_relu()(x))
    heads = [
        layers.Dense(
            latent_dim, kernel_initializer=xavier(), dtype="float32", name=name
        )(x)
        for name in ("mean", "log_variance")
    ]
    return keras.Model(images, heads, name="encoder")
