"""Docstrings have what the bases say of the arguments."""

import inspect

import keras_gen
from tests.engine.toys import Solo


class Documented(Solo):
    """A model.

    Args:
        size: Integer. A size.

    Args of methods:
        codes: Array. The codes.

    Example:

    ```python
    Documented(3)
    ```
    """

    def __init__(self, size=1, **kwargs):
        super().__init__(**kwargs)

    def encode(self, x, *, power: int = 1, batch_size: int = 256):
        """Encodes.

        Args:
            power: Integer.
                Of two.

        Returns:
            Array.
        """

    def decode(self, codes, *, seed: int | None = None):
        """Decodes.

        Raises:
            ValueError: Always.
        """

    def plain(self, other):
        """Has nothing that a base describes."""

    def decode_step(self, x):
        """Of tensors."""

    def posterior(self, x, training=False):
        """Of tensors."""


class Derived(Documented):
    def encode(self, x, *, power: int = 2, batch_size: int = 256):
        return x

    def decode(self, codes, *, seed: int | None = None):
        """Decodes otherwise.

        Args:
            seed: Integer. Another.
        """


def arguments(function):
    """The lines behind `Args:`."""
    lines = inspect.getdoc(function).splitlines()
    start = lines.index("Args:") + 1
    ends = [i for i in range(start, len(lines)) if not lines[i].strip()]
    return lines[start : ends[0] if ends else None]


def test_a_class_has_its_parents_arguments_too():
    lines = arguments(Documented)
    assert lines[0] == "    size: Integer. A size."
    names = [line.split(":")[0].strip() for line in lines if ": " in line]
    assert names == ["size", "seed", "name", "dtype"]


def test_methods_have_what_means_the_same_everywhere():
    assert arguments(Documented.encode) == [
        "    x: Array of `n` examples, or a data set of batches of them.",
        "    power: Integer.",
        "        Of two.",
        "    batch_size: Integer. How many examples are computed at a time.",
    ]
    doc = inspect.getdoc(Documented.encode)
    assert doc.startswith("Encodes.\n\nArgs:\n")
    assert doc.rstrip().endswith("time.\n\nReturns:\n    Array.")


def test_arguments_stand_in_front_of_the_other_sections():
    doc = inspect.getdoc(Documented.decode)
    assert doc.index("Args:") < doc.index("Raises:")
    assert arguments(Documented.decode)[0] == "    codes: Array. The codes."


def test_what_a_method_says_itself_comes_first():
    assert arguments(Derived.decode) == [
        "    codes: Array. The codes.",
        "    seed: Integer. Another.",
    ]
    assert inspect.getdoc(Derived.encode) == inspect.getdoc(Documented.encode)


def test_other_methods_are_left_alone():
    assert Documented.plain.__doc__ == "Has nothing that a base describes."
    assert Documented.decode_step.__doc__ == "Of tensors."
    assert Documented.posterior.__doc__ == "Of tensors."


def test_every_argument_of_the_public_words_is_described():
    for name in ("encode", "decode", "reconstruct", "sample", "elbo"):
        method = getattr(keras_gen.VAE, name)
        described = " ".join(arguments(method))
        for parameter in list(inspect.signature(method).parameters)[1:]:
            assert f" {parameter}: " in described, (name, parameter)
