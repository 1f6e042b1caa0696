"""Docstrings of classes that take their parents' arguments."""

import inspect
import re

from keras_gen.registry import BY_CLASS

# Arguments of a class itself, and those that a base describes for all of its
# subclasses.
SECTIONS = ("Args:", "Args of subclasses:")
METHODS = ("Args of methods:",)
PACKAGE = __name__.partition(".")[0]
HEADER = re.compile(r"[A-Z][\w ]*:")
# What stands behind the arguments.
BEHIND = "Returns|Raises|Example|Reference|Class attributes[^:]*"
ENTRY = re.compile(r"    (\w+): ")


def described_arguments(
    doc: str, sections: tuple[str, ...] = SECTIONS
) -> dict[str, list[str]]:
    """The lines that describe each argument in a docstring.

    Args:
        doc: String, without indentation.
        sections: Tuple of strings. The headers of the sections to read.

    Returns:
        Dictionary from the names of the arguments to lists of lines.
    """
    found, section, name = {}, None, None
    for line in doc.splitlines():
        if HEADER.fullmatch(line):
            section = line
        elif section in sections and (entry := ENTRY.match(line)):
            name = entry[1]
            found[name] = [line]
        elif section in sections and line.startswith("        "):
            found[name].append(line)
        elif line.strip():
            section = None
    return found


def complete_docstring(cls: type) -> str | None:
    """A class's docstring, with its parents' words on their arguments.

    The reference of a system's class is that of the registry.

    Args:
        cls: Class with a `__signature__`.

    Returns:
        String, or `None` if the class has no docstring.
    """
    if not vars(cls).get("__doc__"):
        return None
    doc = inspect.cleandoc(cls.__doc__)
    known = {}
    for base in reversed(cls.__mro__):
        known |= described_arguments(inspect.cleandoc(base.__doc__ or ""))
    doc = with_arguments(doc, cls.__signature__, known)
    system = BY_CLASS.get(cls.__name__)
    if system is not None and "Reference:" not in doc:
        reference = f"- [{system.paper}]({system.url})"
        doc = f"{doc.rstrip()}\n\nReference:\n\n{reference}"
    return doc.rstrip() + "\n"


def complete_methods(cls: type) -> None:
    """Adds to the docstrings of a class's public methods what its bases say
    of arguments that mean the same everywhere.

    Args:
        cls: Class. Its mixins are completed with it.
    """
    known = {}
    for base in reversed(cls.__mro__):
        doc = inspect.cleandoc(base.__doc__ or "")
        known |= described_arguments(doc, METHODS)
    own = [cls, *(c for c in cls.__mro__ if c.__module__.startswith(PACKAGE))]
    for name, method in [item for c in own for item in vars(c).items()]:
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        signature = inspect.signature(method)
        # Of tensors, not of arrays.
        inside = name.endswith("_step") or "training" in signature.parameters
        if method.__doc__ and not inside:
            doc = inspect.cleandoc(method.__doc__)
            described = known | described_arguments(doc)
            method.__doc__ = with_arguments(doc, signature, described)


def with_arguments(
    doc: str, signature: inspect.Signature, known: dict[str, list[str]]
) -> str:
    """A docstring whose `Args:` are all that are known, in their order."""
    lines = [
        line for name in signature.parameters for line in known.get(name, [])
    ]
    if not lines:
        return doc
    place = re.search(r"^Args:\n(?:    .*\n?|\n(?=    ))*", doc, re.MULTILINE)
    if place is None:
        place = re.search(rf"(?=^(?:{BEHIND}):)", doc, re.MULTILINE)
    first, last = place.span() if place else (len(doc), len(doc))
    parts = (doc[:first].rstrip(), "\n".join(["Args:", *lines]))
    return "\n\n".join([*parts, doc[last:].strip("\n")]).rstrip() + "\n"
