"""The networks of the official code of Triple-GAN."""

import math

import keras
from keras import layers

from keras_gen.layers import (
    AdditiveNoise,
    BatchNormalization,
    DropoutNoise,
    WeightNormDense,
)
from keras_gen.networks.conditioning import condition_input, with_condition


def conv_classifier(shape, num_classes, filters):
    """Five convolutions, of which two lose the border, and a mean."""

    def relu(x, size, kernel_size, padding):
        conv = layers.Conv2D(size, kernel_size, padding=padding, use_bias=False)
        return layers.ReLU()(BatchNormalization()(conv(x)))

    def pooled(x):
        return DropoutNoise(0.5)(layers.MaxPooling2D(2)(x))

    images = keras.Input(shape)
    x = pooled(relu(images, filters, 5, "valid"))
    x = relu(x, 2 * filters, 3, "same")
    x = pooled(relu(x, 2 * filters, 3, "valid"))
    for _ in range(2):
        x = relu(x, 4 * filters, 3, "same")
    x = layers.GlobalAveragePooling2D()(x)
    logits = layers.Dense(
        num_classes, kernel_regularizer=keras.regularizers.L2(1e-4)
    )(x)
    return keras.Model(images, logits, name="classifier")


def softplus_generator(shape, latent_dim, num_classes, hidden_units):
    """Dense layers of softplus units, the class concatenated to each input."""
    z = x = keras.Input((latent_dim,))
    labels, one_hot = condition_input(num_classes)
    for units in hidden_units:
        x = layers.Dense(units, use_bias=False)(with_condition(x, one_hot))
        x = layers.Activation("softplus")(BatchNormalization()(x))
    x = WeightNormDense(math.prod(shape))(with_condition(x, one_hot))
    x = layers.Reshape(shape)(x)
    images = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model([z, labels], images, name="generator")


def noisy_discriminator(shape, num_classes, hidden_units):
    """Dense layers of unit norm with Gaussian noise before each, and the class
    concatenated to each input; twice to the second, as in the official code."""
    images = keras.Input(shape)
    labels, one_hot = condition_input(num_classes)
    x = AdditiveNoise(0.3)(layers.Flatten()(images))
    for i, units in enumerate(hidden_units):
        x = with_condition(x, one_hot)
        x = with_condition(x, one_hot) if i == 1 else x
        x = WeightNormDense(units, activation="relu", train_scale=False)(x)
        x = AdditiveNoise(0.5)(x)
    x = with_condition(x, one_hot)
    logits = WeightNormDense(1, train_scale=False)(x)
    return keras.Model([images, labels], logits, name="discriminator")
