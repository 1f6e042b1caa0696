"""Trains every model from a saved start, with given noise; exports it.

    agree.py FOLDER [start] [train] [from-BACKEND] [DEVICES [RANK PORT]]

start         saves each model untrained
train         10 steps from the start, with a checkpoint after 8; then exports
              each model, and writes what it answers to batches of 1 and 7
from-BACKEND  the state that one model of each class has by the checkpoint of
              that backend; the last 2 steps of those that go on
DEVICES       the first 8 steps, on several of `devices.KINDS`
"""

import pathlib
import sys

import devices
import given
import keras
import numpy as np

import keras_gen
from keras_gen import serving
from tests.contract.case import (
    BATCH,
    QUICK,
    agreeing_keys,
    all_cases,
    continued_keys,
    distributed_keys,
    served_keys,
)
from tests.contract.helpers import fit, rows, widen
from tests.numerics import one_program
from tests.quick_compilation import compile_once, draw_in_few_sizes

BACKEND = keras.backend.backend()
STEPS, CHECKPOINT = 10, 8


def train(model, case, first, last):
    """Trains from one step to before another; returns the history."""
    data = rows(case.data(steps=STEPS), first * BATCH, last * BATCH)
    return fit(model, data)


def save_start(folder, case):
    averaged = {"ema_decay": 0.5} if "ema_decay" in case.parameters else {}
    model = case.build(**averaged)
    widen(model)
    # An epsilon far above rounding: a gradient that is zero but for that would
    # else become a step of random sign.
    model.compile(
        keras.optimizers.Adam(1e-3, beta_1=0.5, epsilon=1e-1), **QUICK
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


def write(model, history, folder, name):
    """Writes the state of a model, and what its last training has logged."""
    logs = {f"log/{name}": values[-1] for name, values in history.items()}
    np.savez(folder / f"{name}.npz", **given.state(model), **logs)


def train_all(folder):
    models = {}
    for key in agreeing_keys(BACKEND):
        case = all_cases()[key]
        model = load(case, folder / f"{key}.keras")
        # A graph pays for ten steps, not for two.
        model.run_eagerly = BACKEND == "torch"
        history = train(model, case, 0, CHECKPOINT)
        write(model, history, folder, f"{key}_{BACKEND}_checkpoint")
        model.save(folder / f"{key}_{BACKEND}.keras")
        history = train(model, case, CHECKPOINT, STEPS)
        write(model, history, folder, f"{key}_{BACKEND}")
        if key in served_keys():
            models[key] = model
    export(folder, models)


def go_on(folder, writer):
    for key in served_keys():
        case = all_cases()[key]
        model = load(case, folder / f"{key}_{writer}.keras")
        write(model, {}, folder, f"{key}_{BACKEND}_given_{writer}")
        if key in continued_keys(BACKEND):
            history = train(model, case, CHECKPOINT, STEPS)
            write(model, history, folder, f"{key}_{BACKEND}_from_{writer}")


def train_on_several(folder, kind, *place):
    scope, rank, count = devices.use(kind, *place)
    for key in distributed_keys(kind):
        case = all_cases()[key]
        data = rows(case.data(steps=STEPS), 0, CHECKPOINT * BATCH)
        data = devices.share(data, kind, rank, count, case.round_size)
        with scope():
            model = load(case, folder / f"{key}.keras")
            model.run_eagerly = False
            history = fit(model, data, batch_size=BATCH // count)
        if BACKEND != "jax":
            history = {}  # That of a worker's own rows.
        if rank == 0:
            write(model, history, folder, f"{key}_{kind}")
    devices.leave(kind)


def main(folder, *stages):
    given.use_given_noise()
    compile_once(folder.parent / "jax")
    draw_in_few_sizes()
    for stage in stages:
        devices.make(stage)
    for index, stage in enumerate(stages):
        if stage == "start":
            for case in all_cases().values():
                save_start(folder, case)
        elif stage == "train":
            train_all(folder)
        elif stage.startswith("from-"):
            go_on(folder, stage.removeprefix("from-"))
        elif stage in devices.KINDS:
            train_on_several(folder, *stages[index:])
            break


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
