"""The command line: `python -m keras_gen list`, `... info NAME`."""

import argparse
from collections.abc import Sequence

import keras_gen
from keras_gen.registry import SYSTEMS


def table() -> str:
    """The models of the package: their names, their classes, their papers.

    Returns:
        Text, a line of headings and one line for each class.
    """
    rows = [("name", "class", "paper")]
    for system in SYSTEMS:
        rows.append((system.name, system.class_name, system.paper))
        rows += [("", variant, "") for variant in system.variants]
    names, classes, _ = zip(*rows, strict=True)
    left, middle = (max(map(len, column)) for column in (names, classes))
    return "\n".join(
        f"{name:{left}}  {class_name:{middle}}  {paper}".rstrip()
        for name, class_name, paper in rows
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command.

    Args:
        arguments: Sequence of strings. Defaults to those of the process.
    """
    parser = argparse.ArgumentParser(
        "python -m keras_gen", description="Deep generative models for Keras 3."
    )
    commands = "list: the models. info: the paper and arguments of one."
    parser.add_argument("command", help=commands)
    parser.add_argument("name", nargs="?", help="The model, for info.")
    given = parser.parse_args(arguments)
    if (given.command, given.name) == ("list", None):
        print(table())
    elif given.command == "info" and given.name is not None:
        try:
            print(keras_gen.card(given.name))
        except ValueError as error:
            parser.error(str(error))
    else:
        received = " ".join(filter(None, (given.command, given.name)))
        parser.error(
            "The command must be `list` or `info NAME`. Received: "
            f"{received!r}. Try `list`, which shows the names."
        )


if __name__ == "__main__":
    main()
