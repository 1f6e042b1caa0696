"""Trains every model from a saved start, with given noise; exports it.

agree.py FOLDER [start] [train] [from-BACKEND ...]

start         saves each model untrained
train         10 steps from the start, with a checkpoint after 5; then exports
              each model, and writes what it answers to batches of 1 and 7
from-BACKEND  5 more steps from the checkpoint of that backend
"""

import pathlib
import sys

import given
import keras
import numpy as np

import keras_gen
from keras_gen import serving
from tests.contract.case import BATCH, QUICK, all_cases, served_keys
from tests.contract.helpers import fit, rows
from tests.numerics import one_program
from tests.quick_compilation import compile_once

BACKEND = keras.backend.backend()


def train(model, case, first_step):
    """Five steps."""
    data = case.data(steps=10)
    fit(model, rows(data, first_step * BATCH, (first_step + 5) * BATCH))


def save_start(folder, case):
    averaged = {"ema_decay": 0.5} if "ema_decay" in case.parameters else {}
    model = case.build(**averaged)
    model.compile(
        keras.optimizers.Adam(1e-3, beta_1=0.5, epsilon=1e-4), **QUICK
    )
    model.save(folder / f"{case.key}.keras")


def load(case, path):
    """A model that another backend may have compiled in its own way."""
    assert case.cls  # Imported, which a proof is by nothing else.
    model = keras_gen.load_model(path)
    model.run_eagerly = QUICK["run_eagerly"]
    model.jit_compile = BACKEND == "jax"
    return model


def answers(model):
    """What the signatures of a model return, for batches of 1 and 7."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, signature in model.signatures().items():
        fn = one_program(signature.fn)
        for size in (1, 7):
            inputs = {
                key: spec.draw(rng, size)
                for key, spec in signature.inputs.items()
            }
            outputs = model.run_batched(fn, *inputs.values())
            outputs = keras.tree.flatten(outputs)
            place = f"{name}/{size}"
            for key, value in inputs.items():
                arrays[f"{place}/input/{key}"] = value
            for key, value in zip(signature.outputs, outputs, strict=True):
                arrays[f"{place}/output/{key}"] = value
    return arrays


def export(folder, models):
    paths = {}
    for key, model in models.items():
        target = folder / "served" / f"{key}_{BACKEND}"
        target.mkdir(parents=True)
        np.savez(target / "answers.npz", **answers(model))
        paths[target / "1"] = model
    if BACKEND == "tensorflow":
        for path, model in paths.items():
            serving.export(model, path)
    else:
        # One child process for all of them.
        serving._export_in_child(paths)


def main(folder, *stages):
    given.use_given_noise()
    compile_once(folder.parent / "jax")
    cases = list(all_cases().values())
    if "start" in stages:
        for case in cases:
            save_start(folder, case)
    if "train" in stages:
        models = {}
        for case in cases:
            model = load(case, folder / f"{case.key}.keras")
            train(model, case, 0)
            model.save(folder / f"{case.key}_{BACKEND}_5.keras")
            train(model, case, 5)
            path = folder / f"{case.key}_{BACKEND}.npz"
            np.savez(path, **given.state(model))
            models[case.key] = model
        models = {
            key: model for key, model in models.items() if key in served_keys()
        }
        export(folder, models)
    for stage in stages:
        if stage.startswith("from-"):
            writer = stage.removeprefix("from-")
            for key in served_keys():
                case = all_cases()[key]
                model = load(case, folder / f"{key}_{writer}_5.keras")
                train(model, case, 5)
                path = folder / f"{key}_{BACKEND}_from_{writer}.npz"
                np.savez(path, **given.state(model))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
