"""Classic deep generative models for Keras 3.

Every name is imported when it is first used, so that `import keras_gen` is
quick and needs no backend but the one that Keras runs on.
"""

import importlib

from keras_gen.registry import BY_CLASS, BY_NAME

__version__ = "0.1.0"

_NAMES = {
    "GenerativeModel": "keras_gen.engine",
    "OptimizerGroup": "keras_gen.engine",
    "Schedule": "keras_gen.schedules",
}

_SUBPACKAGES = (
    "backend",
    "callbacks",
    "data",
    "distributions",
    "engine",
    "layers",
    "losses",
    "metrics",
    "models",
    "networks",
    "optimizers",
    "pictures",
    "registry",
    "serving",
)

__all__ = [
    "card",
    "list_models",
    "load_model",
    "model_class",
    *_NAMES,
    *BY_CLASS,
]


def list_models() -> list[str]:
    """The names of all models, family by family in the order of publication.

    Returns:
        List of snake_case names. `keras_gen.model_class(name)` is the class,
        `recipes/{name}.py` trains it.

    Example:

    >>> keras_gen.list_models()[0]
    """
    return list(BY_NAME)


def model_class(name: str) -> type:
    """The class of a model.

    Args:
        name: String. One of `list_models()`.

    Returns:
        A subclass of `keras_gen.GenerativeModel`.

    Raises:
        ValueError: If there is no such model.

    Example:

    >>> keras_gen.model_class("dcgan")
    """
    if name not in BY_NAME:
        raise ValueError(
            f"`name` must be one of {list_models()}. Received: name={name!r}."
        )
    return BY_NAME[name].load()


def load_model(path, **kwargs):
    """Loads a model of this package from a `.keras` file.

    It is `keras.saving.load_model` once the modules of the classes in the
    file are imported. In a new process Keras' own does not know them: they
    are imported when they are first used.

    Args:
        path: The file that `model.save(path)` wrote, on any backend.
        **kwargs: Further arguments of `keras.saving.load_model`.

    Returns:
        The model, compiled as it was: training goes on where it stopped.

    Example:

    ```python
    model = keras_gen.load_model("runs/dcgan/checkpoint.keras")
    ```
    """
    import keras

    for module in sorted(_modules_in(path)):
        importlib.import_module(module)
    return keras.saving.load_model(path, **kwargs)


def _modules_in(path):
    """The modules of this package that a file's configuration names."""
    import re
    import zipfile

    if not zipfile.is_zipfile(path):
        return set()  # Keras says what is wrong with the file.
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    modules = set(re.findall(r'"module": "(keras_gen(?:\.\w+)*)"', config))
    # What is registered is saved with its name in place of its module.
    for name in re.findall(r'"registered_name": "keras_gen>(\w+)"', config):
        if name in BY_CLASS:
            modules.add(f"keras_gen.models.{BY_CLASS[name].module}")
    return modules | {
        f"keras_gen.{room}"
        for room in ("distributions", "layers", "optimizers", "schedules")
    }


def card(name: str) -> str:
    """What a model is: its paper, its objective and its arguments.

    Args:
        name: String. One of `list_models()`.

    Returns:
        Text.

    Example:

    >>> print(keras_gen.card("wgan_gp"))
    """
    import inspect

    cls = model_class(name)
    system = BY_NAME[name]
    paper = inspect.getdoc(importlib.import_module(cls.__module__))
    variants = f" ({', '.join(system.variants)})" if system.variants else ""
    return (
        f"{paper}\n\n{cls.__name__}{variants}: trained on {system.data}\n\n"
        f"{inspect.getdoc(cls)}\n"
    )


def __getattr__(name):
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    if name in BY_CLASS:
        return BY_CLASS[name].load(name)
    if name in _SUBPACKAGES:
        return importlib.import_module(f"keras_gen.{name}")
    raise AttributeError(f"module 'keras_gen' has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_SUBPACKAGES, "__version__"])
