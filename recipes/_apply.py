"""What a trained model does to a user's own files."""

import dataclasses
import os
import pathlib

import numpy as np

import _recipe as recipe
import keras_gen
from _checks import run_name
from keras_gen import data, pictures
from keras_gen.data import folder as folders
from keras_gen.data.folder import SUFFIXES


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a model that translates, or applies it to files."""

    apply: str | None = None
    """In place of training: a file, or a folder of files, to translate by the
    last checkpoint of the run."""
    to: str | None = None
    """Where translations are written: a file, or a folder for several."""


def trained(name, options):
    """The model of the last checkpoint of the run that the options name."""
    checkpoint = (
        pathlib.Path(options.output_dir)
        / run_name(name, options)
        / "checkpoint.keras"
    )
    if not checkpoint.exists():
        raise SystemExit(
            "`--apply` needs the checkpoint of a run. Received: "
            f"{checkpoint}, which is not there. Train first, or pass the "
            "--run-name and the --output-dir of the run."
        )
    print(f"Applying {checkpoint}.")
    return keras_gen.load_model(checkpoint)


def places(options, suffixes, ending):
    """Pairs of a file that is read and of the file that is written for it."""
    if options.to is None:
        raise SystemExit(
            "`--to` must say where the results of `--apply` are written. "
            "Received: none. Pass a file, or a folder for several."
        )
    source, target = pathlib.Path(options.apply), pathlib.Path(options.to)
    if source.is_dir():
        found = [
            source.joinpath(*path) for path in folders.files(source, suffixes)
        ]
        if not found:
            raise SystemExit(
                f"`--apply` must be a folder of files ({', '.join(suffixes)}). "
                f"Received: {source}, which holds none."
            )
        # Not what an earlier call has written.
        inside = target.resolve().is_relative_to(source.resolve())
        if inside and target.resolve() != source.resolve():
            found = [
                path
                for path in found
                if not path.resolve().is_relative_to(target.resolve())
            ]
        return replacing_nothing(
            (path, target / written(path, found, ending).relative_to(source))
            for path in found
        )
    if not source.exists():
        raise SystemExit(
            f"`--apply` must be a file or a folder. Received: {source}, which "
            "is not there."
        )
    if target.is_dir() or not target.suffix:
        target = (target / source.name).with_suffix(ending)
    return replacing_nothing([(source, target)])


def replacing_nothing(pairs):
    """The pairs, unless what is written would replace what is read."""
    pairs = list(pairs)
    read = {source.resolve() for source, _ in pairs}
    for _, target in pairs:
        if target.resolve() in read:
            raise SystemExit(
                "`--to` must leave the files of `--apply` as they are. "
                f"Received: a place that would replace {target}. Pass another "
                "folder."
            )
    return pairs


def written(path, others, ending):
    """A path with another ending, which no other file will have."""
    plain = path.with_suffix(ending)
    if sum(other.with_suffix(ending) == plain for other in others) > 1:
        return path.with_name(path.name + ending)
    return plain


def to_pictures(name, options, translate, direction="ab"):
    """Translates pictures of any size and mode.

    They are resized and center-cropped to the size of the model.

    Args:
        name: String. The recipe.
        options: `Options`.
        translate: Function of the model and of images that returns images.
        direction: String. The direction of the translation.
    """
    model = trained(name, options)
    shape = model.source_spec(direction).shape
    low, high = model.value_range

    for source, target in places(options, SUFFIXES, ".png"):
        x = low + (high - low) * read(source, shape[:2], shape[-1])
        (image,) = translate(model, x[None])
        write(target, (image - low) / (high - low))


def read(path, sides, channels):
    """A picture of any size and mode as an image in [0, 1]."""
    picture = folders.read_picture(os.fsencode(path), channels)
    return np.asarray(data.resize_images(picture, sides)) / np.float32(255.0)


def read_opacity(path, sides):
    """How opaque each pixel of a picture is, from 0 to 1."""
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image).convert("RGBA")
        opacity = np.asarray(image)[..., 3:]
    return np.asarray(data.resize_images(opacity, sides))[..., 0] / 255.0


def write(path, image):
    """Writes an image in [0, 1]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.rint(255.0 * np.clip(image, 0.0, 1.0)).astype("uint8")
    pictures.save_image(path, image)
    print(path)
