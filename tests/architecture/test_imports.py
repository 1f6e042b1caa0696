"""Who may import whom, and what `import keras_gen` costs.

The rules of the first part are read from the source files, so that an import
inside a function counts like one at the top, and a package that cannot be
imported here is checked all the same. The second part imports the package in
child processes.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = "keras_gen"
BACKENDS = ("tensorflow", "jax", "torch")

# What counts as importing a backend: it, its companions, and the libraries
# that import it themselves.
BACKEND_OF = {
    "tensorflow": "tensorflow",
    "tensorflow_datasets": "tensorflow",
    "keras_cv": "tensorflow",
    "jax": "jax",
    "jaxlib": "jax",
    "torch": "torch",
    "torchvision": "torch",
}
BACKEND_ROOMS = {
    "keras_gen/backend/tensorflow.py": {"tensorflow"},
    "keras_gen/backend/jax.py": {"jax"},
    "keras_gen/backend/torch.py": {"torch"},
    "keras_gen/backend/torch_graphs.py": {"torch"},
    "keras_gen/backend/torch_tracing.py": {"torch"},
    "keras_gen/backend/torch_updates.py": {"torch"},
    "keras_gen/backend/pipelines.py": {"tensorflow", "torch"},
    "keras_gen/engine/tensorflow.py": {"tensorflow"},
    "keras_gen/engine/jax.py": {"jax"},
    "keras_gen/engine/torch.py": {"torch"},
    "keras_gen/data": {"tensorflow"},
    # A process that imports TensorFlow before torch crashes.
    "keras_gen/data/_tensorflow.py": {"torch"},
    "keras_gen/serving.py": {"tensorflow", "torch"},
}
# A recipe augments its images with keras-cv, inside the tf.data pipeline
# that it gets from keras_gen.data.
RECIPES_TOO = {"keras_cv"}

# How a model comes about: each of these packages may import those above it.
ORDER = (
    "backend",
    "engine",
    "distributions",
    "layers",
    "losses",
    "networks",
    "models",
)
# For every room, the rooms that it may import from, besides itself. "root" is
# `keras_gen` itself, with the files that stand beside its __init__.py and are
# not named here.
ALLOWED = {room: set(ORDER[:index]) for index, room in enumerate(ORDER)}
LEAVES = {
    "checks": set(),
    "files": set(),
    "progress": set(),
    "registry": set(),
    "serving": set(),
    "optimizers": {"checks"},
    "schedules": {"checks"},
    "pictures": {"checks", "files"},
}
ALLOWED |= LEAVES
for room in ORDER:
    ALLOWED[room] |= {"checks", "progress", "schedules"}
ALLOWED["backend"] = {"checks"}
ALLOWED["engine"] |= {"files", "registry", "serving"}
ALLOWED["models"] |= {"optimizers"}

# Pure mathematics, for which these libraries are enough.
PURE = {"losses", "distributions"}
PURE_LIBRARIES = {"keras", "numpy"}
for room in PURE:
    ALLOWED[room] -= {"engine", "layers"}

# What is done with models knows none of them.
ALLOWED["data"] = {"checks", "files", "progress"}
for room in ("metrics", "callbacks"):
    ALLOWED[room] = {"data", "losses", "layers", "distributions"}
    ALLOWED[room] |= {"checks", "files", "pictures", "progress"}
ALLOWED["root"] = set(ALLOWED)
ALLOWED["__main__"] = {"root", "registry"}

# Outside the package: recipes use what a user would; a template is a model.
ALLOWED["recipes"] = {"root", "data", "callbacks", "metrics", "models"}
ALLOWED["recipes"] |= set(LEAVES) - {"checks", "registry"}
ALLOWED["docs"] = ALLOWED["models"] | {"models"}

# ---------------------------------------------------------------------------
# The rules, read from the sources.


def dotted_imports(source, path):
    """Yields `(line, dotted name)` of everything that a file imports.

    Relative names are made absolute, and `from a import b` gives `a.b`,
    because `b` may be a module. Calls of `import_module` and `__import__`
    count where the name is written out.
    """
    package = list(Path(path).with_suffix("").parts)[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = []
            if node.level:
                base = package[: len(package) - node.level + 1]
            base += (node.module or "").split(".") if node.module else []
            for alias in node.names:
                yield node.lineno, ".".join([*base, alias.name])
        elif isinstance(node, ast.Call) and node.args:
            function = getattr(node.func, "id", getattr(node.func, "attr", ""))
            name = getattr(node.args[0], "value", None)
            if function not in ("import_module", "__import__"):
                continue
            if isinstance(name, str):
                level = len(name) - len(name.lstrip("."))
                base = package[: len(package) - level + 1] if level else []
                yield node.lineno, ".".join([*base, name[level:]])


def room_of_file(path):
    parts = Path(path).parts
    if parts[0] != PACKAGE:
        return parts[0]
    room = Path(parts[1]).stem
    return room if len(parts) > 2 or room in ALLOWED else "root"


def room_of_name(dotted):
    """The room of an imported name, or None if it is not one of ours."""
    parts = dotted.split(".")
    if parts[0] in ("recipes", "docs"):
        return parts[0]
    if parts[0] != PACKAGE:
        return None
    if len(parts) > 1 and parts[1] in ALLOWED:
        return parts[1]
    return "root"


def violations(source, path):
    """The imports in a file that break a rule, one sentence for each.

    Args:
        source: The text of the file.
        path: Its path from the root of the repository, with forward slashes.

    Returns:
        A list of strings.
    """
    room = room_of_file(path)
    if room not in ALLOWED:
        return [f"{path}: no rule says what {room!r} may import"]
    found = []
    for line, name in dotted_imports(source, path):
        library = name.partition(".")[0]
        backend = BACKEND_OF.get(library)
        if backend is not None:
            at_home = any(
                path == home or path.startswith(home + "/")
                for home, backends in BACKEND_ROOMS.items()
                if backend in backends
            )
            welcome = room == "recipes" and library in RECIPES_TOO
            if not at_home and not welcome:
                found.append(f"{path}:{line}: imports the backend {library}")
        target = room_of_name(name)
        if target is not None:
            if target != room and target not in ALLOWED[room]:
                found.append(f"{path}:{line}: {room} imports {target} ({name})")
        elif room in PURE and library not in (
            PURE_LIBRARIES | sys.stdlib_module_names
        ):
            found.append(f"{path}:{line}: {room} imports {library}")
    return found


def source_files():
    for folder in (PACKAGE, "recipes", "docs"):
        for file in sorted((REPOSITORY / folder).rglob("*.py")):
            yield file.relative_to(REPOSITORY).as_posix()


def test_imports_keep_to_the_house_rules():
    found = [
        violation
        for path in source_files()
        for violation in violations((REPOSITORY / path).read_text(), path)
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("models/gans/gan.py", "import tensorflow as tf"),
        ("models/gans/gan.py", "from jax import numpy as jnp"),
        ("models/gans/gan.py", "def f():\n    import torch.nn"),
        ("models/gans/gan.py", "import importlib as i\ni.import_module('jax')"),
        ("models/gans/gan.py", "jax = __import__('jax.numpy')"),
        ("models/gans/gan.py", "from keras_gen import metrics"),
        ("models/gans/gan.py", "from keras_gen.data.digits import load"),
        ("models/gans/gan.py", "from ... import callbacks"),
        ("models/gans/gan.py", "from ...callbacks import grids"),
        ("models/gans/gan.py", "import keras_gen"),
        ("models/gans/gan.py", "from keras_gen import VAE"),
        ("engine/ema.py", "import jax"),
        ("engine/jax.py", "import torch"),
        ("engine/torch.py", "import tensorflow"),
        ("backend/noise.py", "import jax"),
        ("backend/jax.py", "import torch"),
        ("backend/torch_tracing.py", "import tensorflow"),
        ("backend/pipelines.py", "import jax"),
        ("backend/noise.py", "from keras_gen import engine"),
        ("backend/noise.py", "from keras_gen.layers import corruption"),
        ("backend/seeds.py", "from keras_gen import registry"),
        ("engine/ema.py", "from keras_gen.layers import sampling"),
        ("engine/ema.py", "from keras_gen.models.gans.gan import GAN"),
        ("engine/ema.py", "from keras_gen import GenerativeModel"),
        ("engine/ema.py", "from keras_gen.losses import hinge"),
        ("engine/ema.py", "from keras_gen.pictures import save_grid"),
        ("layers/sampling.py", "from keras_gen.losses import divergence"),
        ("layers/sampling.py", "from ..models import gans"),
        ("layers/sampling.py", "from keras_gen.networks import mlp"),
        ("networks/mlp.py", "from keras_gen.models.vaes import vae"),
        ("networks/mlp.py", "import torch"),
        ("networks/mlp.py", "from keras_gen.metrics import fid"),
        ("models/gans/gan.py", "from keras_gen.pictures import save_grid"),
        ("models/gans/gan.py", "from keras_gen.serving import export"),
        ("losses/adversarial.py", "from keras_gen import engine"),
        ("losses/adversarial.py", "import scipy.special"),
        ("losses/adversarial.py", "from keras_gen.layers import sampling"),
        ("distributions/normal.py", "from keras_gen.engine import Spec"),
        ("distributions/normal.py", "from sklearn import mixture"),
        ("distributions/normal.py", "from keras_gen.layers import sampling"),
        ("metrics/fid.py", "from keras_gen.engine import ema"),
        ("metrics/fid.py", "from keras_gen.models.vaes import vae"),
        ("metrics/fid.py", "import tensorflow_datasets as tfds"),
        ("callbacks/grids.py", "from keras_gen.engine.ema import EMA"),
        ("callbacks/grids.py", "import keras_gen.models"),
        ("callbacks/grids.py", "import keras_cv"),
        ("metrics/fid.py", "from keras_gen.backend import noise"),
        ("metrics/fid.py", "from keras_gen.callbacks import grids"),
        ("callbacks/grids.py", "from keras_gen.networks import mlp"),
        ("data/digits.py", "from keras_gen.models.vaes import vae"),
        ("data/digits.py", "from keras_gen.metrics import fid"),
        ("data/digits.py", "from keras_gen.pictures import save_grid"),
        ("data/digits.py", "import torch"),
        ("data/digits.py", "import jax"),
        ("data/_tensorflow.py", "import jax"),
        ("serving.py", "from keras_gen.engine import ema"),
        ("serving.py", "import jax"),
        ("checks.py", "from keras_gen import files"),
        ("files.py", "from keras_gen.data import load"),
        ("files.py", "import torch"),
        ("pictures.py", "from keras_gen.callbacks import grids"),
        ("schedules.py", "from keras_gen.backend import noise"),
        ("optimizers.py", "import tensorflow"),
        ("registry.py", "from keras_gen.models.gans import gan"),
        ("__main__.py", "from keras_gen.models.gans import gan"),
        ("__main__.py", "import torch"),
        ("__init__.py", "import tensorflow"),
        ("_names.py", "import torch"),
        ("plots/grid.py", "import numpy"),
    ],
)
def test_checker_sees_a_broken_rule_in_the_package(path, source):
    assert len(violations(source, f"keras_gen/{path}")) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("models/gans/gan.py", "import jaxtyping, keras, numpy as np"),
        ("models/gans/gan.py", "from keras import ops\nimport torchaudio"),
        ("models/gans/gan.py", "from keras_gen.engine import GenerativeModel"),
        ("models/gans/gan.py", "from keras_gen import layers, losses"),
        ("models/gans/gan.py", "from . import dcgan\nfrom ..vaes import vae"),
        ("models/gans/gan.py", "from ...distributions.normal import kl"),
        ("models/gans/__init__.py", "from .gan import GAN"),
        ("models/gans/gan.py", "'''import torch'''  # import jax"),
        ("models/gans/gan.py", "load('jax')"),
        ("engine/tensorflow.py", "import tensorflow as tf"),
        ("engine/jax.py", "import jax\nfrom jaxlib import xla_client"),
        ("engine/torch.py", "from torch import distributed"),
        ("backend/tensorflow.py", "import tensorflow as tf"),
        ("backend/jax.py", "import jax\nfrom keras_gen.backend import scope"),
        ("backend/torch_tracing.py", "import torch._dynamo"),
        ("backend/pipelines.py", "import tensorflow, torch"),
        ("backend/noise.py", "from keras_gen.checks import check_positive"),
        ("engine/__init__.py", "import_module(f'keras_gen.engine.{name}')"),
        ("engine/__init__.py", "from keras_gen.engine import jax"),
        ("engine/__init__.py", "import_module('.jax', __name__)"),
        ("engine/model.py", "from keras_gen import backend, serving"),
        ("engine/model.py", "from keras_gen.schedules import Schedule"),
        ("engine/docs.py", "from keras_gen.registry import SYSTEMS"),
        ("layers/norm.py", "from keras_gen.engine import all_reduce"),
        ("layers/norm.py", "from keras_gen.backend import all_mean"),
        ("networks/mlp.py", "from keras_gen import checks, layers, losses"),
        ("models/gans/gan.py", "from keras_gen.networks.mlp import mlp"),
        ("models/gans/gan.py", "from keras_gen import backend, checks"),
        ("models/gans/gan.py", "from keras_gen import optimizers, schedules"),
        ("losses/adversarial.py", "import keras, math, numpy"),
        ("losses/adversarial.py", "from keras_gen.backend import noise"),
        ("distributions/normal.py", "from keras_gen import backend, checks"),
        ("distributions/normal.py", "from .base import Distribution"),
        ("metrics/fid.py", "from keras_gen.data import load\nimport scipy"),
        ("metrics/fid.py", "from keras_gen import checks, files, pictures"),
        ("callbacks/grids.py", "from keras_gen import files, pictures"),
        ("data/digits.py", "import sklearn.datasets, tensorflow as tf"),
        ("data/digits.py", "from keras_gen import checks, files"),
        ("data/_tensorflow.py", "import torch, tensorflow"),
        ("pictures.py", "from keras_gen import checks, files"),
        ("schedules.py", "from keras_gen.checks import check_positive"),
        ("__main__.py", "import keras_gen\nfrom keras_gen import registry"),
        ("serving.py", "import tensorflow as tf"),
        ("__init__.py", "from keras_gen.models.gans.gan import GAN"),
        ("_names.py", "from keras_gen import engine"),
    ],
)
def test_checker_lets_a_kept_rule_pass(path, source):
    assert violations(source, f"keras_gen/{path}") == []


def test_checker_knows_the_rules_of_recipes():
    path = "recipes/gan.py"
    for broken in (
        "import tensorflow as tf",
        "import torch",
        "from keras_gen.engine import ema",
        "from keras_gen.layers import sampling",
        "from keras_gen import losses",
        "from keras_gen.networks import mlp",
        "from keras_gen import backend",
    ):
        assert len(violations(broken, path)) == 1, broken
    kept = (
        "import keras_cv\nimport tyro\nimport keras_gen\n"
        "from keras_gen import GAN, callbacks, data, metrics, serving\n"
        "from keras_gen import files, pictures, schedules\n"
        "from keras_gen.models.gans import gan\n"
        "from recipes import common\n"
    )
    assert violations(kept, path) == []


def test_checker_knows_the_rules_of_the_template():
    path = "docs/template.py"
    for broken in (
        "import torch",
        "from keras_gen import data",
        "from keras_gen.metrics import fid",
        "import keras_gen",
    ):
        assert len(violations(broken, path)) == 1, broken
    kept = (
        "from keras_gen.models.adversarial import AdversarialModel\n"
        "from keras_gen.engine import Examples\n"
        "from keras_gen import backend, checks, losses, networks, schedules\n"
    )
    assert violations(kept, path) == []


# ---------------------------------------------------------------------------
# What importing the package does, in child processes.

# Nothing of this comes with keras-gen itself or with keras: it is installed
# by the extras, and the models must be there without.
EXTRAS = (
    "keras_cv",
    "matplotlib",
    "sklearn",
    "tensorboard",
    "tensorflow_datasets",
    "tyro",
)

# Hides the modules named on the command line, then touches every name. They
# are not found, as if not installed: libraries also ask without importing.
ONE_BACKEND = """
import sys

hidden = set(sys.argv[1:])


class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            return None
        return self.finder.find_spec(name, path, target)


sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
import keras_gen

assert keras_gen.__all__
for name in set(dir(keras_gen)) - {"data"}:  # Its pipelines are tf.data.
    getattr(keras_gen, name)
assert not hidden.intersection(sys.modules)
print("names", len(keras_gen.__all__))
"""

# CPU time of the import, and the libraries that came with it.
COST = """
import sys
import time

import keras

before = set(sys.modules)
start = time.process_time()
import keras_gen

seconds = time.process_time() - start
print(seconds, *{name.partition(".")[0] for name in set(sys.modules) - before})
"""
SECONDS_ALLOWED = 0.5


def run_child(code, *arguments, backend):
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "PYTHONPATH": str(REPOSITORY),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    child = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.split()


def test_import_is_quick_and_brings_nothing_heavy():
    seconds = []
    for _ in range(3):
        cost, *libraries = run_child(COST, backend="jax")
        seconds.append(float(cost))
    assert "keras_gen" in libraries
    heavy = {*BACKEND_OF, *EXTRAS}.intersection(libraries)
    assert not heavy, f"`import keras_gen` imports {sorted(heavy)}"
    assert min(seconds) < SECONDS_ALLOWED


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_name_is_there_with_one_backend_installed(backend):
    hidden = {
        library for library, other in BACKEND_OF.items() if other != backend
    }
    hidden.update(EXTRAS)
    if backend == "tensorflow":
        hidden.remove("tensorboard")  # TensorFlow's own requirement
    label, count = run_child(ONE_BACKEND, *sorted(hidden), backend=backend)
    assert label == "names" and int(count) > 0


def test_child_with_hidden_modules_cannot_import_them():
    code = ONE_BACKEND.replace("import keras_gen", "import torch as keras_gen")
    with pytest.raises(AssertionError, match="No module named 'torch'"):
        run_child(code, "torch", backend="jax")
