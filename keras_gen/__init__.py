"""Classic deep generative models for Keras 3.

Every name is imported when it is first used, so that `import keras_gen` is
quick and needs no backend but the one that Keras runs on.
"""

import importlib

__version__ = "0.1.0"

# A model's name in files, recipes and exports, its class and its module.
_MODELS = {
    "ae": ("AE", "keras_gen.models.autoencoders.ae"),
    "dae": ("DAE", "keras_gen.models.autoencoders.dae"),
    "sae": ("SAE", "keras_gen.models.autoencoders.sae"),
    "cae": ("CAE", "keras_gen.models.autoencoders.cae"),
    "aae": ("AAE", "keras_gen.models.autoencoders.aae"),
    "dc_ign": ("DCIGN", "keras_gen.models.autoencoders.dc_ign"),
    "vae": ("VAE", "keras_gen.models.vaes.vae"),
    "ladder_vae": ("LadderVAE", "keras_gen.models.vaes.ladder_vae"),
    "dcgan": ("DCGAN", "keras_gen.models.gans.dcgan"),
    "wgan_gp": ("WGANGP", "keras_gen.models.gans.wgan_gp"),
}

# The classes that are part of a model's family, and their modules.
_VARIANTS = {
    "RBM": "keras_gen.models.autoencoders.rbm",
    "StackedDAE": "keras_gen.models.autoencoders.dae",
    "KSparseAE": "keras_gen.models.autoencoders.k_sparse_ae",
    "StackedCAE": "keras_gen.models.autoencoders.cae",
    "LabelPriorAAE": "keras_gen.models.autoencoders.aae_labels",
    "SupervisedAAE": "keras_gen.models.autoencoders.aae_labels",
    "SemiSupervisedAAE": "keras_gen.models.autoencoders.aae_semi",
    "ClusteringAAE": "keras_gen.models.autoencoders.aae_clusters",
    "DimReductionAAE": "keras_gen.models.autoencoders.aae_clusters",
}

_NAMES = {
    "GenerativeModel": "keras_gen.engine",
    "OptimizerGroup": "keras_gen.engine",
    **dict(_MODELS.values()),
    **_VARIANTS,
}

_SUBPACKAGES = (
    "callbacks",
    "data",
    "distributions",
    "engine",
    "layers",
    "losses",
    "metrics",
    "serving",
)

__all__ = ["card", "list_models", "load_model", "model_class", *_NAMES]


def list_models() -> list[str]:
    """The names of all models, family by family in the order of publication.

    Returns:
        List of snake_case names. `keras_gen.model_class(name)` is the class,
        `recipes/{name}.py` trains it.

    Example:

    >>> keras_gen.list_models()[0]
    """
    return list(_MODELS)


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
    if name not in _MODELS:
        raise ValueError(
            f"There is no model {name!r}. The models are {list_models()}."
        )
    class_name, module = _MODELS[name]
    return getattr(importlib.import_module(module), class_name)


def load_model(path, **kwargs):
    """Loads a model of this package from a `.keras` file.

    It is `keras.saving.load_model` once all models are imported, so that
    Keras knows the classes in the file.

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

    for module in _NAMES.values():
        importlib.import_module(module)
    return keras.saving.load_model(path, **kwargs)


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
    paper = inspect.getdoc(importlib.import_module(cls.__module__))
    return f"{paper}\n\n{cls.__name__}\n\n{inspect.getdoc(cls)}\n"


def __getattr__(name):
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    if name in _SUBPACKAGES:
        return importlib.import_module(f"keras_gen.{name}")
    raise AttributeError(f"module 'keras_gen' has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_SUBPACKAGES, "__version__"])
