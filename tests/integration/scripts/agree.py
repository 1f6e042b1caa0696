"""Trains from a saved start, with given noise; writes all variables.

agree.py FOLDER start        saves each model untrained, and after 5 steps
agree.py FOLDER continue     10 steps from the start, 5 from the middle
"""

import pathlib
import sys

import keras
import numpy as np
import tiny

import keras_gen


def train(model, name, first_step, steps):
    x = tiny.images(name, 8 * 10)[8 * first_step :][: 8 * steps]
    model.fit(x, batch_size=8, shuffle=False, verbose=0)


def main(folder, stage):
    tiny.use_given_noise()
    for name in tiny.SETTINGS:
        start, middle = folder / f"{name}.keras", folder / f"{name}_5.keras"
        if stage == "start":
            model = tiny.build(name)
            optimizers = {
                player: keras.optimizers.Adam(1e-3, beta_1=0.5, epsilon=1e-4)
                for player in model.players
            }
            model.compile(optimizers)
            model.save(start)
            train(model, name, 0, 5)
            model.save(middle)
            continue
        backend = keras.backend.backend()
        model = keras_gen.load_model(start)
        train(model, name, 0, 5)
        train(model, name, 5, 5)
        np.savez(folder / f"{name}_{backend}_10.npz", **tiny.state(model))
        model = keras_gen.load_model(middle)
        train(model, name, 5, 5)
        np.savez(folder / f"{name}_{backend}_5.npz", **tiny.state(model))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
