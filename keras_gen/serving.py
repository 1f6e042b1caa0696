"""SavedModels for TensorFlow Serving, from a model on any backend.

A SavedModel needs TensorFlow alone: no Keras, no keras_gen. From JAX and
PyTorch the model is saved, and a child process loads and exports it with
TensorFlow: PyTorch cannot export one, and one that JAX exports calls kernels
of JAX (LAPACK's) that TensorFlow does not have.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import keras
import numpy as np


def export(model, path: str | os.PathLike, overwrite: bool = False) -> str:
    """Writes a SavedModel with a named signature for each use of a model.

    `serving_default` is `model(inputs)`; an autoencoder also has `encode`
    and `decode`. The batch dimension is dynamic in all of them.

    Args:
        model: A `keras_gen.GenerativeModel`.
        path: String or path. The folder to write, such as
            `"saved_models/dcgan/1"`: model servers expect a folder for each
            version, named by a number.
        overwrite: Boolean. Whether an existing folder may be replaced.

    Returns:
        The path, as a string.

    Raises:
        FileExistsError: If the folder holds something and `overwrite` is not
            set.

    Example:

    ```python
    keras_gen.serving.export(model, "saved_models/dcgan/1")
    served = tf.saved_model.load("saved_models/dcgan/1")
    images = served.signatures["serving_default"](z=z)["samples"]
    ```
    """
    path = pathlib.Path(path)
    if path.exists() and any(path.iterdir()) and not overwrite:
        raise FileExistsError(
            "`path` must be an empty folder or none: a version that is served "
            f"should not change. Received: path={str(path)!r}. Export to "
            "`next_version(folder)`, or pass `overwrite=True`."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if keras.backend.backend() == "tensorflow":
        _export_here(model, path)
    else:
        _export_in_child({path: model})
    return str(path)


def next_version(folder: str | os.PathLike) -> pathlib.Path:
    """The folder for the next version of a model: 1, 2, 3, ...

    Args:
        folder: String or path. The folder of all versions, such as
            `"saved_models/dcgan"`.

    Returns:
        `pathlib.Path`.
    """
    folder = pathlib.Path(folder)
    versions = [
        int(entry.name)
        for entry in (folder.iterdir() if folder.exists() else ())
        if entry.name.isdigit()
    ]
    return folder / str(max(versions, default=0) + 1)


def verify(model, path: str | os.PathLike, batch_size: int = 3) -> float:
    """Loads a SavedModel and compares all its signatures with the model.

    Args:
        model: The model that was exported.
        path: String or path. The folder of the SavedModel.
        batch_size: Integer. The size of the random batch.

    Returns:
        The largest absolute difference of any output.
    """
    tf = _tensorflow()
    served = tf.saved_model.load(str(path))
    rng = np.random.default_rng(0)
    largest = 0.0
    for name, signature in model.signatures().items():
        inputs = {
            key: spec.draw(rng, batch_size)
            for key, spec in signature.inputs.items()
        }
        results = served.signatures[name](
            **{key: tf.constant(value) for key, value in inputs.items()}
        )
        expected = model.run_batched(signature.fn, *inputs.values())
        for key, value in _named(expected, signature.outputs).items():
            difference = np.abs(results[key].numpy() - value).max()
            largest = max(largest, float(difference))
    return largest


def _export_here(model, path):
    tf = _tensorflow()
    archive = keras.export.ExportArchive()
    for network in model.served_networks():
        archive.track(network)
    for name, signature in model.signatures().items():
        archive.add_endpoint(
            name,
            _with_named_outputs(signature),
            input_signature=[
                tf.TensorSpec((None, *spec.shape), spec.dtype, name=key)
                for key, spec in signature.inputs.items()
            ],
        )
    archive.write_out(str(path), verbose=False)


def _with_named_outputs(signature):
    # The archive reads names of arguments, so it must see as many as inputs.
    names = ", ".join(signature.inputs)
    scope = {"call": lambda *inputs: _named(signature.fn(*inputs), outputs)}
    outputs = signature.outputs
    exec(f"def served({names}): return call({names})", scope)
    return scope["served"]


def _named(results, names):
    if not isinstance(results, list | tuple):
        results = [results]
    return dict(zip(names, results, strict=True))


def _export_in_child(models):
    """Exports models, a dictionary by their paths, in one child process."""
    modules = {
        getattr(custom, "__module__", "builtins")
        for custom in keras.saving.get_custom_objects().values()
    }
    modules = sorted(
        name for name in modules if name.split(".")[0] not in _UNNEEDED_MODULES
    )
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": os.pathsep.join(entry or "." for entry in sys.path),
    }
    with tempfile.TemporaryDirectory() as folder:
        jobs = []
        for index, (path, model) in enumerate(models.items()):
            saved = os.path.join(folder, f"{index}.keras")
            model.save(saved)
            jobs.append((saved, str(path)))
        child = subprocess.run(
            [sys.executable, "-m", __name__, json.dumps([modules, jobs])],
            env=environment,
            capture_output=True,
            text=True,
        )
    if child.returncode != 0:
        raise RuntimeError(
            "A SavedModel must be written by a child process with the "
            "TensorFlow backend, which failed. Install TensorFlow (`pip "
            "install -e '.[tensorflow]'` in the checkout), and keep layers of "
            "your own in a module that can be imported, not in the script that "
            "is run. "
            f"Received from it:\n{child.stderr[-2000:]}"
        )


_UNNEEDED_MODULES = ("keras", "__main__", "builtins")


def _tensorflow():
    if keras.backend.backend() == "torch":
        import torch  # noqa: F401  (crashes when loaded after TensorFlow)
    try:
        import tensorflow
    except ImportError as error:
        raise ImportError(
            "TensorFlow must be installed to write and read a SavedModel. "
            "Received: no module tensorflow. Install it with `pip install -e "
            "'.[tensorflow]'` in the checkout."
        ) from error
    return tensorflow


if __name__ == "__main__":
    import importlib

    module_names, exports = json.loads(sys.argv[1])
    for module_name in module_names:
        importlib.import_module(module_name)
    for source, target in exports:
        _export_here(keras.saving.load_model(source), target)
