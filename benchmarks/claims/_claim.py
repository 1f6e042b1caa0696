"""What the claims share: a finished run of a recipe, and its control."""

import argparse
import importlib.util
import json
import pathlib
import sys
import types

RECIPES = pathlib.Path(__file__).resolve().parents[2] / "recipes"
sys.path.append(str(RECIPES))

import numpy as np  # noqa: E402

import _recipe  # noqa: E402
import keras_gen  # noqa: E402
from keras_gen import data, metrics  # noqa: E402


def parser(description):
    """A parser of the command line, with the option `--run`."""
    result = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument(
        "--run",
        type=pathlib.Path,
        required=True,
        help="folder of a finished run, such as runs/dae",
    )
    return result


def opened(folder):
    """A finished run, at its first epoch, and its trained model."""
    config, checkpoint = folder / "config.json", folder / "checkpoint.keras"
    if not (config.exists() and checkpoint.exists()):
        raise SystemExit(
            "`--run` must be the folder of a finished run. Received: --run "
            f"{folder}. Run the recipe first."
        )
    options = types.SimpleNamespace(**json.loads(config.read_text()))
    options.output_dir = folder.parent
    run = _recipe.Run(folder.name, options)
    return run, keras_gen.load_model(checkpoint)


def recipe(name):
    """The module of a recipe."""
    file = RECIPES / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"recipe_{name}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def untrained(model, **changes):
    """The model as it was before training, with some arguments changed."""
    return type(model).from_config({**model.get_config(), **changes})


def control(run, model, batches, without=(), **changes):
    """The model with some arguments changed, trained as the model was.

    It has the model's seed, so that its initial weights are the same where the
    change leaves them alone, and new optimizers of the same settings.

    Args:
        run: The run of the model.
        model: The trained model.
        batches: The run's training data.
        without: Names of the players that are not to learn.
        **changes: Arguments of the constructor.

    Returns:
        The trained control.
    """
    twin, optimizers = untrained(model, **changes), {}
    for player in model.players:
        optimizer = model.optimizer[player]
        config = optimizer.get_config()
        if player in without:
            config["learning_rate"] = 0.0
        optimizers[player] = type(optimizer).from_config(config)
    twin.compile(optimizers, jit_compile=run.jit_compile)
    print(f"The control, {run.epochs} epochs:")
    twin.fit(batches, epochs=run.epochs, steps_per_epoch=run.steps_per_epoch)
    return twin


def images(run):
    """The training images of a run."""
    batches = data.pipeline(run.load("train"), run.batch_size, **run.order)
    return batches.dataset


def stacked(run, model):
    """The test errors of a stack, and of the same without pretraining."""
    batches = data.pipeline(
        run.load("train"),
        run.batch_size,
        features=("image", "label"),
        **run.order,
    )
    plain = control(run, model, batches.dataset)
    x, labels = run.labeled("test")
    return {
        f"{name}classification_error": error_rate(trained.classify(x), labels)
        for name, trained in (("", model), ("plain_", plain))
    }


def error_rate(predicted, labels):
    """Percent of labels that are predicted wrongly."""
    return 100.0 * float(np.mean(predicted != labels))


def squared_error(x, reconstruction):
    """The squared error, summed over an example, averaged over examples."""
    squares = np.square(x - reconstruction, dtype="float64")
    return float(squares.reshape(len(x), -1).sum(axis=1).mean())


def probe_error(run, encode, limit=60_000):
    """Percent of test labels that a softmax on codes predicts wrongly.

    Args:
        run: The run.
        encode: Function from images to codes.
        limit: Integer. The examples of each split at most.
    """
    x, labels = run.labeled("train", limit)
    test, test_labels = run.labeled("test", limit)
    return metrics.linear_probe(encode(x), labels, encode(test), test_labels)


def write(run, figures):
    """Prints the figures, and writes them to `claims.json` of the run."""
    _recipe.write_json(run.folder / "claims.json", figures)
    for name, value in figures.items():
        print(f"{name:>36}  {value:.4f}")
