"""The options of the recipes, and those of a model from its constructor."""

import argparse
import dataclasses
import inspect
import re
import types
import typing
from typing import Annotated, Literal

import tyro


@dataclasses.dataclass
class Options:
    """The options of every recipe. What is not given follows the preset."""

    preset: Literal["smoke", "small", "paper"] = "small"
    """smoke: a minute, to see that all works. small: some minutes on two
    cores. paper: the paper's run, for a GPU."""
    dataset: str | None = None
    """An embedded data set (digits, sprites, scenes, lit_heads, speech), folder
    for your own pictures (with a table of them, attributes), recordings for
    your own wav files, or a data set of TensorFlow Datasets."""
    data_dir: str | None = None
    """The folder of your files, or of TensorFlow Datasets."""
    image_size: int | None = None
    """The side that images are resized and cropped to."""
    length: int | None = None
    """The samples in a window of signals, such as speech."""
    channels: Literal[1, 3] | None = None
    """The channels of your own pictures: 3 (the default) or 1 for gray."""
    epochs: int | None = None
    """Epochs in all, those before a resumption included."""
    steps_per_epoch: int | None = None
    """Training steps in each epoch. Defaults to one pass over the data."""
    batch_size: int | None = None
    """Examples in each update."""
    learning_rate: tuple[str, ...] = ()
    """The learning rate of all optimizers, or player=rate of some, such as
    discriminator=1e-4 generator=4e-4. A schedule starts from it, and falls in
    proportion. Pretraining keeps its own."""
    evaluate_every: int | None = None
    """Epochs between evaluations of samples by the classifier of digits."""
    augment: tuple[str, ...] = ()
    """Random changes made to the images, such as flip or crop."""
    seed: int = 0
    """All randomness follows from it."""
    output_dir: str = "runs"
    """Where the run's folder is made."""
    run_name: str | None = None
    """The name of the run's folder and of the exported model. Defaults to the
    recipe's, with the variant's unless that is the default."""
    export_dir: str | None = None
    """Where the SavedModel is exported, under the run's name. Defaults to
    saved_models, and for the preset smoke to the run's own folder."""
    resume: bool = False
    """Resume from the checkpoint in the run's folder, if there is one."""
    overwrite: bool = False
    """Replace the earlier run in the run's folder, when training begins."""
    mixed_precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = (
        "float32"
    )
    """The dtype policy of the networks."""
    jit_compile: Literal["auto", "true", "false"] = "auto"
    """Whether steps are compiled by XLA or, on PyTorch, by Inductor."""
    tensorboard: bool = False
    """Write logs and pictures for TensorBoard into the run's folder."""


@dataclasses.dataclass(frozen=True)
class Preset:
    """Defaults of a recipe's options. The model's are its class's presets."""

    epochs: int
    batch_size: int
    steps_per_epoch: int | None = None
    dataset: str = "digits"
    image_size: int | None = 28
    length: int | None = None


# Arguments of a constructor that follow from the data and the options.
GIVEN = (
    "input_shape",
    "image_shape",
    "condition_shape",
    "output_shape",
    "output_mask",
    "seed",
    "name",
    "dtype",
)


def parse(classes, options=Options, argv=None, description=None):
    """The options from the command line, the model's among them.

    Args:
        classes: The class of the model, or a dictionary of those that
            `--variant` chooses from, the default first.
        options: `Options`, or its subclass with the recipe's own.
        argv: List of strings, or `None` for those of the process.
        description: String. The text above the help.

    Returns:
        `options` with `model`, the given arguments of the constructor.
    """
    fields, cls = [], classes
    if isinstance(classes, dict):
        names = tuple(classes)
        words = ". ".join(f"{n}: {c.__name__}" for n, c in classes.items())
        first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        first.add_argument("--variant")
        variant = first.parse_known_args(argv)[0].variant
        cls = classes.get(variant, classes[names[0]])
        kind = Annotated[Literal[names], tyro.conf.arg(help=words)]
        fields.append(("variant", kind, names[0]))
    none = dataclasses.field(default_factory=dict)
    fields.append(("model", model_arguments(cls), none))
    namespace = {"model_class": cls}
    full = dataclasses.make_dataclass(
        "Options", fields, bases=(options,), namespace=namespace
    )
    return tyro.cli(full, args=argv, description=description)


def cli(main, classes, options=Options):
    """Runs a recipe's `main` with the options from the command line."""
    main(parse(classes, options, description=inspect.getmodule(main).__doc__))


def model_arguments(cls):
    """A typed dictionary of the arguments that a command line can give."""
    described = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", cls.__doc__, re.M)
    words = {name: " ".join(text.split()) for name, text in described}
    fields = {}
    for name, parameter in inspect.signature(cls).parameters.items():
        kind = simple(parameter.annotation)
        if kind is not None and name not in GIVEN:
            option = tyro.conf.arg(
                help=words.get(name),
                help_behavior_hint=f"(class default: {parameter.default})",
            )
            fields[name] = Annotated[kind, option]
    return typing.TypedDict("Model", fields, total=False)


def simple(annotation):
    """A type without the members that no command line can give, or `None`."""
    union = isinstance(annotation, types.UnionType)
    members = typing.get_args(annotation) if union else (annotation,)
    kept = [m for m in members if m in (int, float, bool, str)]
    kept += [m for m in members if typing.get_origin(m) is tuple]
    if kept and type(None) in members:
        kept.append(None)
    return typing.Union[tuple(kept)] if kept else None  # noqa: UP007
