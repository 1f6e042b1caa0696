"""The networks of a paper's several experiments, by name."""

import typing
from collections.abc import Callable, Mapping

import keras

from keras_gen.checks import same_shapes


class Architecture(typing.NamedTuple):
    """The networks of one experiment.

    Attributes:
        width: Integer. Filters or units of the narrowest hidden layers.
        shape: Tuple. The shape of an example, with `None` for free sizes.
        value_range: The range of the generator's outputs, or `None`.
        generator: Function `(shape, latent_dim, width)` that builds it.
        discriminator: Function `(shape, width)` that builds it.
        conditional: Boolean. Whether both also take `num_classes`.
    """

    width: int
    shape: tuple
    value_range: tuple[float, float] | None
    generator: Callable[..., keras.Model]
    discriminator: Callable[..., keras.Model]
    conditional: bool = False


def generator_of(
    architectures: Mapping[str, Architecture],
    name: str,
    shape: tuple[int, ...],
    latent_dim: int,
    width: int | None = None,
    num_classes: int | None = None,
) -> keras.Model:
    """The generator of one of some experiments, for examples of a shape.

    `width` is by default the paper's. A model without labels has no
    `num_classes`.
    """
    chosen, options = _chosen(architectures, name, shape, num_classes)
    return chosen.generator(shape, latent_dim, width or chosen.width, **options)


def discriminator_of(
    architectures: Mapping[str, Architecture],
    name: str,
    shape: tuple[int, ...],
    width: int | None = None,
    num_classes: int | None = None,
) -> keras.Model:
    """The discriminator, or the critic; the arguments are `generator_of`'s."""
    chosen, options = _chosen(architectures, name, shape, num_classes)
    return chosen.discriminator(shape, width or chosen.width, **options)


def _chosen(architectures, name, shape, num_classes):
    chosen = architectures[name]
    if not same_shapes([shape], [chosen.shape]):
        raise ValueError(
            f"`input_shape` must be {chosen.shape} for the architecture "
            f"{name!r}. Received: input_shape={shape}. Choose among "
            f"{list(architectures)}, or pass networks of your own."
        )
    if num_classes and not chosen.conditional:
        able = [key for key, a in architectures.items() if a.conditional]
        raise ValueError(
            f"`architecture` must be one of {able} with `num_classes`. "
            f"Received: num_classes={num_classes}, architecture={name!r}. "
            "Leave out `num_classes`, or pass networks of your own."
        )
    return chosen, {"num_classes": num_classes} if num_classes else {}
