"""SavedModels for TensorFlow Serving, from a model on any backend.

A SavedModel needs TensorFlow alone: no Keras, no keras_gen. TensorFlow and
JAX export their own computations. From PyTorch the model is saved, and a
child process loads and exports it with TensorFlow.
"""

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
    and `decode`. The batch is free in all of them.

    Args:
        model: A `keras_gen.GenerativeModel`.
        path: Folder to write, such as `"saved_models/dcgan/1"`: model servers
            expect a folder for each version, named by a number.
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
            f"The folder {str(path)!r} is not empty. A version that is served "
            "should not change: export to `next_version(folder)`, or pass "
            "`overwrite=True`."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if keras.backend.backend() == "torch":
        _export_in_child(model, path)
    else:
        _export_here(model, path)
    return str(path)


def next_version(folder: str | os.PathLike) -> pathlib.Path:
    """The folder for the next version of a model: 1, 2, 3, ...

    Args:
        folder: The folder of all versions, such as `"saved_models/dcgan"`.

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
        path: The folder of the SavedModel.
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
            key: _random_input(rng, batch_size, *_shape_and_dtype(spec))
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


def _random_input(rng, batch_size, shape, dtype):
    shape = (batch_size, *shape[1:])
    if dtype.startswith("int"):
        return np.zeros(shape, dtype)
    return rng.uniform(size=shape).astype(dtype)


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
                tf.TensorSpec(shape, dtype, name=key)
                for key, (shape, dtype) in (
                    (key, _shape_and_dtype(spec))
                    for key, spec in signature.inputs.items()
                )
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


def _shape_and_dtype(spec):
    return spec if isinstance(spec[0], tuple) else (tuple(spec), "float32")


def _export_in_child(model, path):
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
        saved = os.path.join(folder, "model.keras")
        model.save(saved)
        child = subprocess.run(
            [sys.executable, "-m", __name__, saved, str(path), *modules],
            env=environment,
            capture_output=True,
            text=True,
        )
    if child.returncode != 0:
        raise RuntimeError(
            "From PyTorch a SavedModel is written by a child process with the "
            "TensorFlow backend, which failed. It needs TensorFlow "
            "(`pip install keras-gen[tensorflow]`), and your own layers in a "
            "module that can be imported, not in the script that is run. It "
            f"said:\n{child.stderr[-2000:]}"
        )


_UNNEEDED_MODULES = ("keras", "__main__", "builtins")


def _tensorflow():
    if keras.backend.backend() == "torch":
        import torch  # noqa: F401  (crashes when loaded after TensorFlow)
    try:
        import tensorflow
    except ImportError as error:
        raise ImportError(
            "A SavedModel is written and read by TensorFlow. Install it with "
            "`pip install keras-gen[tensorflow]`."
        ) from error
    return tensorflow


if __name__ == "__main__":
    import importlib

    for module_name in sys.argv[3:]:
        importlib.import_module(module_name)
    _export_here(keras.saving.load_model(sys.argv[1]), sys.argv[2])
