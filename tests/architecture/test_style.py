"""One name everywhere, short files, and nothing public left bare."""

import dataclasses
import inspect
import re
import types
from pathlib import Path

import keras
import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = "keras_gen"
MAX_LINES = 400
# Put together here, so that this file does not contain what it looks for.
SAVED = (keras.layers.Layer, keras.optimizers.Optimizer)
FORBIDDEN = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME")) + r")\b")


def source_files(root):
    for folder in (PACKAGE, "recipes", "docs"):
        yield from sorted((root / folder).rglob("*.py"))


def missing_companions(root, names):
    """The files that a model of each name should have, and has not."""
    companions = {
        "model": f"{PACKAGE}/models/**/{{}}.py",
        "recipe": "recipes/{}.py",
        "test": "tests/**/test_{}.py",
    }
    return [
        f"{name} has no {kind} ({pattern.format(name)})"
        for name in names
        for kind, pattern in companions.items()
        if not any(root.glob(pattern.format(name)))
    ]


def long_files(root):
    found = []
    for file in source_files(root):
        lines = len(file.read_text().splitlines())
        if lines > MAX_LINES:
            found.append(f"{file.relative_to(root)}: {lines} lines")
    return found


def forbidden_words(root):
    return [
        f"{file.relative_to(root)}:{number}: {line.strip()}"
        for file in source_files(root)
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if FORBIDDEN.search(line)
    ]


def unavailable_hints(root):
    """Lines that tell a user to install the package from an index.

    It is on none: what works is an installation from a checkout.
    """
    return [
        f"{file.relative_to(root)}:{number}"
        for file in source_files(root)
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if "keras-gen[" in line or "keras_gen[" in line
    ]


def public_objects(module, seen=None):
    """Yields `(dotted name, object)` of all that a module declares public.

    A public module is looked into in turn, where it has an `__all__`.
    """
    seen = {module} if seen is None else seen
    for name in module.__all__:
        value = getattr(module, name)
        yield f"{module.__name__}.{name}", value
        if isinstance(value, types.ModuleType) and value not in seen:
            seen.add(value)
            if hasattr(value, "__all__"):
                yield from public_objects(value, seen)


def package_objects():
    """Yields what `keras_gen` and all of its subpackages declare public.

    A module without an `__all__` declares what it defines.
    """
    import keras_gen

    yield from public_objects(keras_gen)
    for name in keras_gen._SUBPACKAGES:
        module = getattr(keras_gen, name)
        yield module.__name__, module
        if hasattr(module, "__all__"):
            yield from public_objects(module)
            continue
        for name, value in vars(module).items():
            owner = getattr(value, "__module__", None)
            if owner == module.__name__ and not name.startswith("_"):
                yield f"{owner}.{name}", value


def has_docstring(value):
    text = (value.__doc__ or "").strip()
    # A dataclass without one is given its signature in its place.
    made = dataclasses.is_dataclass(value) and text.startswith(
        f"{getattr(value, '__name__', '')}("
    )
    return bool(text) and not made


def undocumented(objects):
    return [
        name
        for name, value in objects
        if isinstance(value, types.ModuleType) or callable(value)
        if not has_docstring(value)
    ]


def is_saved(value):
    """Whether objects of a class, a base class of others too, are saved."""
    return inspect.isclass(value) and (
        issubclass(value, SAVED) or "get_config" in vars(value)
    )


def unregistered(objects):
    """The classes that Keras would save, but not find again on loading."""
    found = []
    for name, value in objects:
        if not is_saved(value):
            continue
        registered = keras.saving.get_registered_name(value)
        if (
            not registered.startswith(f"{PACKAGE}>")
            or keras.saving.get_registered_object(registered) is not value
        ):
            found.append(f"{name} is registered as {registered!r}")
    return found


def lines_of(found):
    return "\n" + "\n".join(found)


def test_models_are_listed_by_one_kind_of_name():
    import keras_gen

    names = list(keras_gen.list_models())
    assert names and len(names) == len(set(names))
    for name in names:
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name), name


def test_every_model_has_its_file_its_recipe_and_its_test():
    import keras_gen

    found = missing_companions(REPOSITORY, keras_gen.list_models())
    assert not found, lines_of(found)


def test_no_file_is_long():
    found = long_files(REPOSITORY)
    assert not found, lines_of(found)


def test_no_forbidden_word_is_left():
    found = forbidden_words(REPOSITORY)
    assert not found, lines_of(found)


def test_no_hint_installs_from_an_index():
    found = unavailable_hints(REPOSITORY)
    assert not found, lines_of(found)


def test_every_public_object_has_a_docstring():
    found = undocumented(package_objects())
    assert not found, lines_of(found)


def test_every_public_class_is_registered():
    found = unregistered(package_objects())
    assert not found, lines_of(found)


def test_public_objects_are_those_of_all_packages():
    names = {name for name, _ in package_objects()}
    assert {
        "keras_gen.VAE",
        "keras_gen.layers",
        "keras_gen.layers.ImagePool",
        "keras_gen.distributions.Bernoulli",
        "keras_gen.metrics.mig_hist",
        "keras_gen.pictures.save_image",
    } <= names


# ---------------------------------------------------------------------------
# The checkers themselves.


@pytest.fixture
def tree(tmp_path):
    """A repository of one model, in which nothing is amiss."""
    for path in (
        "keras_gen/models/gans/gan.py",
        "recipes/gan.py",
        "tests/models/gans/test_gan.py",
    ):
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_text('"""A methodology: todo lists are fine."""\n')
    assert not missing_companions(tmp_path, ["gan"])
    assert not long_files(tmp_path)
    assert not forbidden_words(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("keras_gen/models/gans/gan.py", "model"),
        ("recipes/gan.py", "recipe"),
        ("tests/models/gans/test_gan.py", "test"),
    ],
)
def test_checker_sees_a_missing_companion(tree, path, kind):
    (tree / path).unlink()
    (found,) = missing_companions(tree, ["gan"])
    assert found.startswith(f"gan has no {kind} ")


def test_checker_counts_lines(tree):
    file = tree / "recipes" / "gan.py"
    file.write_text("x = 1\n" * MAX_LINES)
    assert not long_files(tree)
    file.write_text("x = 1\n" * (MAX_LINES + 1))
    assert long_files(tree) == [f"recipes/gan.py: {MAX_LINES + 1} lines"]


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME"])
def test_checker_sees_a_forbidden_word(tree, word):
    file = tree / "keras_gen" / "models" / "gans" / "gan.py"
    file.write_text(f"x = 1\ny = 2  # {word}: more\n")
    (found,) = forbidden_words(tree)
    assert found.startswith("keras_gen/models/gans/gan.py:2: ")


def test_checker_sees_an_installation_from_an_index(tree):
    file = tree / "keras_gen" / "models" / "gans" / "gan.py"
    assert not unavailable_hints(tree)
    file.write_text("x = 1\n# pip install keras-gen[recipes]\n")
    assert unavailable_hints(tree) == ["keras_gen/models/gans/gan.py:2"]


def test_checker_looks_into_public_modules():
    outer = types.ModuleType("outer", "Documented.")
    inner = types.ModuleType("inner")
    outer.__all__, outer.inner = ["inner"], inner
    inner.__all__, inner.outer = ["f", "LIMIT", "outer"], outer
    inner.f, inner.LIMIT = (lambda: None), 3
    names = [name for name, _ in public_objects(outer)]
    assert names == ["outer.inner", "inner.f", "inner.LIMIT", "inner.outer"]
    assert undocumented(public_objects(outer)) == ["outer.inner", "inner.f"]


def test_checker_is_not_content_with_a_made_up_docstring():
    @dataclasses.dataclass
    class Bare:
        size: int

    @dataclasses.dataclass
    class Fine:
        """A size."""

        size: int

    assert Bare.__doc__
    assert undocumented([("Bare", Bare), ("Fine", Fine)]) == ["Bare"]


def test_checker_sees_a_class_that_is_not_registered():
    class Bare(keras.layers.Layer):
        """A layer."""

    class Elsewhere(keras.layers.Layer):
        """A layer."""

    class Settings:
        """What has a configuration."""

        def get_config(self):
            return {}

    class Plain:
        """Nothing that Keras saves."""

    class Mean(keras.metrics.Metric):
        """What is computed and shown."""

    class Fine(keras.layers.Layer):
        """A layer."""

    keras.saving.register_keras_serializable("elsewhere")(Elsewhere)
    keras.saving.register_keras_serializable(PACKAGE)(Fine)
    try:
        classes = (Bare, Elsewhere, Settings, Plain, Mean, Fine)
        found = unregistered((cls.__name__, cls) for cls in classes)
    finally:
        registry = keras.saving.get_custom_objects()
        del registry["elsewhere>Elsewhere"], registry[f"{PACKAGE}>Fine"]
    names = [line.partition(" ")[0] for line in found]
    assert names == ["Bare", "Elsewhere", "Settings"]
