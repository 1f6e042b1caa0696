"""The documents agree with the code: tables, snippets, files, targets.

Every Python snippet runs, with less data, smaller networks and fewer epochs.
The calls of several processes are only checked against their signatures:
`tests/integration/test_distribution.py` makes them for real.
"""

import inspect
import pathlib
import re
import socket
import textwrap
import tomllib
from unittest import mock

import keras
import numpy as np
import pytest

import keras_gen
from keras_gen import data, metrics, pictures
from keras_gen.metrics.extractors import digits
from keras_gen.registry import SYSTEMS

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/architecture.md")
README = (ROOT / "README.md").read_text()

# What replaces a setting, so that a snippet takes a second.
SMALLER = {
    "(digits, 1500": "(digits, 200",
    "    scenes,\n    500": "    scenes,\n    8",
    "DCGAN((28, 28, 1)": "DCGAN((28, 28, 1), base_filters=2",
    "DCGAN(image_shape=(28, 28, 1))": "DCGAN((28, 28, 1), base_filters=2)",
    '"small", image_shape': '"smoke", base_filters=2, image_shape',
    "(28, 28, 1), noise_level": "(28, 28, 1), latent_dim=4, noise_level",
    "(28, 28, 1), latent_dim=8": "(28, 28, 1), hidden_units=4, latent_dim=8",
    "VAE(input_shape=(28, 28, 1))": "VAE(hidden_units=4)",
    "SemiSupervisedAAE(input_shape=(28, 28, 1))": (
        "SemiSupervisedAAE(hidden_units=4)"
    ),
    "num_classes=10": "num_classes=10, hidden_units=4",
    "fit(images, labels": "fit(images[:4], labels[:4]",
    "model.sample(64, labels=7": "model.sample(2, labels=7",
    "steps_per_epoch=batches.steps_per_epoch": "steps_per_epoch=1",
    "num_labels=100": "num_labels=20",
    'DigitsClassifier.get("digits")': (
        'DigitsClassifier.get("digits", verbose=0)'
    ),
    "images - 1, classifier)": "images - 1, classifier, num_samples=40)",
    '"sprites", image_size=32': '"sprites", image_size=16',
    "(32, 32, 1)": "(16, 16, 1), hidden_units=4",
    "steps_per_epoch=1000": "steps_per_epoch=1",
    "sprite_factor_data(image_size=32)": "sprite_factor_data(image_size=16)",
    'metrics=["mig_hist"]': 'metrics=["mig_hist"], num_train=200, num_test=50',
    "batch_size=64, image_size": "batch_size=4, image_size",
}


def section(text, title):
    """The part of a document under a heading."""
    start = text.index(f"\n## {title}\n")
    end = text.find("\n## ", start + 1)
    return text[start : end if end > 0 else None]


def snippets(text):
    found = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return [textwrap.dedent(snippet) for snippet in found]


def smaller(snippet):
    for setting, replacement in SMALLER.items():
        snippet = snippet.replace(setting, replacement)
    return re.sub(r"\bepochs=\d+", "epochs=1", snippet)


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A reader with a folder of photos, and little time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_GEN_CACHE", str(tmp_path / "cache"))
    compile_model = keras_gen.GenerativeModel.compile
    monkeypatch.setattr(
        keras_gen.GenerativeModel,
        "compile",
        lambda self, *args, **kwargs: compile_model(
            self, *args, **{**kwargs, "run_eagerly": True}
        ),
    )
    rng = np.random.default_rng(0)
    for index in range(4):
        picture = rng.integers(256, size=(70, 80, 3), dtype="uint8")
        pictures.save_image(tmp_path / f"photos/{index}.png", picture)
    # The classifier is used untrained.
    monkeypatch.setattr(digits, "_fit", lambda *arguments: None)


@pytest.fixture
def processes(monkeypatch):
    """The only process of its group, and stand-ins for Keras' devices."""
    import torch

    for name in ("initialize", "set_distribution", "DataParallel"):
        original = getattr(keras.distribution, name)
        monkeypatch.setattr(
            keras.distribution, name, mock.create_autospec(original)
        )
    for name, value in {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "RANK": "0",
        "WORLD_SIZE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    yield torch
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


# ---- Snippets ---------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS)
def test_snippets_run(document, reader, processes):
    """From top to bottom; README gives all that its snippets use."""
    namespace = {} if document == "README.md" else {"keras_gen": keras_gen}
    for snippet in snippets((ROOT / document).read_text()):
        if snippet.startswith("def training_step"):
            continue
        exec(compile(smaller(snippet), snippet, "exec"), namespace)


def test_every_smaller_setting_is_used():
    text = "".join((ROOT / document).read_text() for document in DOCUMENTS)
    assert [setting for setting in SMALLER if setting not in text] == []


def test_the_training_step_is_the_model_s():
    (shown,) = re.findall(
        r"That of `(\w+)`:\n\n```python\n(.*?)```", README, re.DOTALL
    )
    cls = getattr(keras_gen, shown[0])
    source = textwrap.dedent(inspect.getsource(cls.training_step))
    assert shown[1].strip() == source.strip()


# ---- Tables -----------------------------------------------------------------


def rows(title):
    """The cells of the rows of a section's tables, without the headings."""
    lines = section(README, title).splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|")
    ]
    start = 1 + next(i for i, row in enumerate(cells) if set(row[0]) == {"-"})
    return cells[start:]


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_the_table_is_the_registry():
    assert rows("The models") == [
        [
            f"`{system.name}`",
            ", ".join(f"`{name}`" for name in system.classes),
            f"[{system.paper}]({system.url})",
            system.data,
        ]
        for system in SYSTEMS
    ]


@pytest.mark.parametrize(
    "column, classes",
    [
        (1, ("AE", "DAE", "SAE", "CAE", "AAE")),
        (2, ("VAE", "LadderVAE", "DCIGN")),
        (3, ("DCGAN", "WGANGP")),
    ],
)
def test_every_method_of_the_table_exists(column, classes):
    listed = 0
    for row in rows("Quick start")[1:]:
        named = names(row[column])
        owners = [name for name in named if name in keras_gen.__all__]
        for method in set(named) - set(owners):
            for owner in owners or classes:
                assert callable(getattr(getattr(keras_gen, owner), method))
                listed += 1
    assert listed >= 2 * len(classes)


def test_every_metric_exists():
    listed = [name for row in rows("Metrics") for name in names(row[1])]
    assert len(listed) > 30
    assert set(listed) <= set(metrics.__all__)


def test_the_options_are_those_of_all_recipes(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "recipes"))
    import _options

    listed = [
        name.removeprefix("--").replace("-", "_")
        for row in rows("Recipes")
        for name in names(row[0])
    ]
    listed.remove("model.NAME")
    assert sorted(listed) == sorted(vars(_options.Options()))


def test_the_embedded_data_sets_are_named():
    text = section(README, "Data")
    assert all(f"`{name}`" in text for name in data.list_datasets())


def test_the_extras_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = names(re.search(r"\(extras: (.*?)\)", README, re.DOTALL)[1])
    assert set(extras) == set(project["optional-dependencies"])


# ---- Files and targets ------------------------------------------------------

FOLDERS = ("keras_gen", "recipes", "benchmarks", "tests", "docs", ".github")


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_every_file_exists(document):
    text = (ROOT / document).read_text()
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    folder = (ROOT / document).parent
    linked = [
        folder / target
        for target in re.findall(r"\]\(([^)#]+)\)", prose)
        if "://" not in target
    ]
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(
        r"```bash\n(.*?)```", text, re.DOTALL
    )
    named = [
        ROOT / word.rstrip("/")
        for part in code
        for word in part.split()
        if word.split("/")[0] in FOLDERS
        and "/" in word
        and not re.search(r"NAME|[<{*=]|::", word)
    ]
    assert [str(path) for path in linked + named if not path.exists()] == []


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, ".github/workflows/tests.yml"]
)
def test_every_target_of_make_exists(document):
    makefile = (ROOT / "Makefile").read_text()
    backends = re.search(r"^BACKENDS := (.*)$", makefile, re.M)[1].split()
    text = (ROOT / document).read_text()
    text = text.replace("${{ matrix.part }}", "once")
    for target in re.findall(r"(?:^|`|run: )make ([a-z][a-z-]*)", text, re.M):
        name = target.removeprefix("test-")
        known = re.search(rf"^{target}:", makefile, re.M)
        assert known or name in backends, target


def test_the_version_is_said_once():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    citation = (ROOT / "CITATION.cff").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == keras_gen.__version__
    assert f"\nversion: {keras_gen.__version__}\n" in citation
    assert "## [Unreleased]" in changelog
    assert f"## [{keras_gen.__version__}]" in changelog
