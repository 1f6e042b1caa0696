"""The networks of a DCGAN under every objective that fits them.

    KERAS_BACKEND=tensorflow python benchmarks/claims/gan_objectives.py \\
        --dataset mnist --data-dir DIR

The small preset of the DCGAN without its dense layers, 4,500 updates of each
player on batches of 64, by Adam at 5e-4; the distance of Wasserstein with
weights clipped at 0.01, by RMSprop at the same rate. The score, the Frechet
distance and the rarest class are those of 5,000 samples by a classifier of
digits.
"""

import time

import _seeds
import keras

import keras_gen
from keras_gen.losses.adversarial import OBJECTIVES, least_squares_objective
from keras_gen.models.gans.wgan import Clip

GAMES = {**OBJECTIVES, "least_squares": least_squares_objective()}


def compiled(model, objective):
    """The optimizer, and the constraint that an objective needs."""
    model.objective = GAMES[objective]
    if objective != "wasserstein":
        return keras.optimizers.Adam(5e-4, beta_1=0.5, epsilon=1e-8)
    for variable in model.player_variables("discriminator"):
        variable.constraint = Clip(0.01)
    return keras.optimizers.RMSprop(5e-4, rho=0.99, epsilon=1e-8)


def main(arguments):
    table = _seeds.Table()
    real, _ = _seeds.test_images(arguments, binary=False)
    for seed in arguments.seeds:
        for objective in arguments.objectives:
            model = keras_gen.DCGAN.from_preset(
                "small",
                image_shape=real.shape[1:],
                dense_units=None,
                seed=seed,
            )
            optimizer = compiled(model, objective)
            options = {"binarize": None, "value_range": model.value_range}
            start = time.perf_counter()
            _seeds.fit(model, arguments, seed, 64, optimizer, **options)
            seconds = time.perf_counter() - start
            found = _seeds.scores(model, arguments, real)
            table.add(objective, seed, **found, seconds=seconds)
    table.show()


if __name__ == "__main__":
    parser = _seeds.parser(__doc__, epochs=15)
    parser.set_defaults(steps=300)
    parser.add_argument(
        "--objectives", nargs="+", choices=GAMES, default=list(GAMES)
    )
    main(parser.parse_args())
