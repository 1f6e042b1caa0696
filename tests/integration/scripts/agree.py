"""Trains from a saved start, with given noise; writes all variables.

agree.py FOLDER start               saves each model untrained
agree.py FOLDER train [WRITER ...]  10 steps from the start, with a checkpoint
                                    after 5; then 5 more from the checkpoint
                                    of each of the named backends
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


def save_start(folder, name):
    model = tiny.build(name)
    optimizers = {
        player: keras.optimizers.Adam(1e-3, beta_1=0.5, epsilon=1e-4)
        for player in model.players
    }
    model.compile(optimizers)
    model.save(folder / f"{name}.keras")


def main(folder, stage, *writers):
    tiny.use_given_noise()
    backend = keras.backend.backend()
    for name in tiny.SETTINGS:
        if stage == "start":
            save_start(folder, name)
            continue
        model = keras_gen.load_model(folder / f"{name}.keras")
        train(model, name, 0, 5)
        model.save(folder / f"{name}_{backend}_5.keras")
        train(model, name, 5, 5)
        np.savez(folder / f"{name}_{backend}.npz", **tiny.state(model))
        for writer in writers:
            model = keras_gen.load_model(folder / f"{name}_{writer}_5.keras")
            train(model, name, 5, 5)
            path = folder / f"{name}_{backend}_from_{writer}.npz"
            np.savez(path, **tiny.state(model))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
