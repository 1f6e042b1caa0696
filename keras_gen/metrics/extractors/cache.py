"""Networks that are trained once, on first use, and kept in a folder."""

import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras

from keras_gen.files import atomic_path


def trained_once(
    name: str,
    build: Callable[[], keras.Model],
    train: Callable[[keras.Model], None],
    *,
    what: str,
    cache_dir: str | os.PathLike | None = None,
    verbose: int = 1,
) -> keras.Model:
    """Loads a network from the cache, or trains and caches it.

    Args:
        name: String. The file, without its ending: it has to change with all
            that the weights depend on.
        build: Callable, to the untrained network.
        train: Callable of the network, which trains it.
        what: String. What the network is, for messages: `"digits classifier"`.
        cache_dir: Path. The folder of the cache. Defaults to the environment
            variable `KERAS_GEN_CACHE`, then to `~/.cache/keras_gen`.
        verbose: Integer. 0 says nothing.

    Returns:
        The trained network.

    Example:

    ```python
    def build():
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    def train(network):
        network.compile("adam", "mse")
        network.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0)

    network = trained_once("ones_v1", build, train, what="network of ones")
    ```
    """
    path = _folder(cache_dir) / f"{name}.keras"
    network = build()
    if _load(network, path):
        return network
    # A file damaged in the middle may have overwritten some weights.
    network = build()
    if verbose:
        print(f"Training the {what}, once; it will be kept in {path}.")
    train(network)
    with atomic_path(path) as temporary:
        network.save(temporary)
    return network


def _folder(cache_dir):
    if cache_dir is None:
        cache_dir = os.environ.get("KERAS_GEN_CACHE") or "~/.cache/keras_gen"
    return Path(cache_dir).expanduser()


def _load(network, path):
    """Loads cached weights; False if there are none, or they are damaged."""
    if not path.exists():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"checksum of {damaged} is wrong")
        network.load_weights(path)
    except Exception as error:
        warnings.warn(
            f"The cached network {path} cannot be read ({error}); it is "
            "trained again and replaced.",
            stacklevel=4,
        )
        return False
    return True
