"""SNGAN against the same networks without spectral normalization.

    KERAS_BACKEND=jax python benchmarks/claims/sngan.py \\
        --dataset mnist --data-dir DIR --num-classes 10

The small preset, 1,500 updates of the generator, two of the discriminator for
each, by Adam at a rate that falls from 1e-3 to 0. The scores are those of 5,000
samples by a classifier of digits.
"""

import _seeds
import keras

import _adversarial
import keras_gen
from keras_gen.layers.spectral_normalization import SpectralNormalization

BATCH = 64


def plain(layer):
    """A layer without the normalization of its kernel."""
    if not isinstance(layer, SpectralNormalization):
        return layer.__class__.from_config(layer.get_config())
    config = layer.get_config()
    del config["power_iterations"]
    _, base = type(layer).__bases__
    return base.from_config(config)


def build(shape, num_classes, seed, **networks):
    return keras_gen.SNGAN.from_preset(
        "small",
        image_shape=shape,
        num_classes=num_classes,
        seed=seed,
        **networks,
    )


def control(shape, num_classes, seed):
    """The same initial weights, without the normalization."""
    model = build(shape, num_classes, seed)
    discriminator = keras.models.clone_model(
        model.discriminator, clone_function=plain
    )
    weights = model.discriminator.trainable_variables
    for variable, value in zip(discriminator.variables, weights, strict=True):
        variable.assign(value)
    return build(shape, num_classes, seed, discriminator=discriminator)


def optimizers(model, steps):
    updates = {"discriminator": steps * model.batch_parts, "generator": steps}
    return {
        player: _adversarial.adam_with_linear_decay(1e-3, count)
        for player, count in updates.items()
    }


def main(arguments):
    table = _seeds.Table()
    real, _ = _seeds.test_images(arguments, binary=False)
    given = real.shape[1:], arguments.num_classes
    features = ("image", "label") if arguments.num_classes else "image"
    for seed in arguments.seeds:
        for name, make in (("SNGAN", build), ("control", control)):
            model = make(*given, seed)
            _seeds.fit(
                model,
                arguments,
                seed,
                BATCH * model.batch_parts,
                optimizers(model, arguments.epochs * arguments.steps),
                features=features,
                binarize=None,
                value_range=model.value_range,
            )
            table.add(name, seed, **_seeds.scores(model, arguments, real))
    table.show()


if __name__ == "__main__":
    parser = _seeds.parser(__doc__, epochs=10)
    parser.set_defaults(steps=150)
    parser.add_argument("--num-classes", type=int, help="or no labels at all")
    main(parser.parse_args())
