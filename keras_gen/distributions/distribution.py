"""The base class of distributions, and several of them as one."""

import functools
import inspect
import numbers

import keras
from keras import ops

from keras_gen.backend import noise
from keras_gen.backend.seeds import derived_seed


@keras.saving.register_keras_serializable(package="keras_gen")
class Distribution:
    """A distribution of events: something to draw from.

    Parameters may be tensors with a batch axis in front, as those of a
    posterior, or numbers, as those of a prior. Log-probabilities are in nats,
    summed over an event, in the type of the parameters, float32 at least.

    Attributes:
        event_shape: Tuple. The shape of one event.
        num_components: Integer or `None`. The number of components that
            `labels` choose from.

    A subclass defines `draw` and, where there is a density, `log_prob`.
    """

    event_shape: tuple = ()
    num_components: int | None = None

    @property
    def latent_dim(self) -> int:
        """The size of an event that is a vector."""
        return self.event_shape[-1]

    @property
    def mean(self):
        """The mean of an event."""
        raise NotImplementedError(f"{type(self).__name__} has no `mean`.")

    def sample(self, n, labels=None, seed=None):
        """Draws `n` events, from each distribution if there is a batch.

        Args:
            n: Integer or scalar tensor. The first axis of the result, which is
                there for a single draw as well.
            labels: Tensor of `n` integers, the component of each draw, with
                -1 for any; or `None` for any.
            seed: `keras.random.SeedGenerator`, integer or `None`.

        Returns:
            Tensor of shape `(n, *event_shape)`; with a batch of parameters,
            `(n, batch, *event_shape)`.
        """
        seed = as_generator(seed)
        if self.num_components is not None:
            drawn = noise.labels((n,), self.num_components, seed)
            given = drawn if labels is None else ops.cast(labels, drawn.dtype)
            labels = ops.where(given < 0, drawn, given)
        elif labels is not None:
            raise ValueError(
                f"`labels` must be None: {type(self).__name__} has no "
                f"components. Received: labels={labels}. Use a mixture."
            )
        return self.draw(n, labels, seed)

    def draw(self, n, labels, seed):
        """Draws events, from the components `labels` if there are any.

        `seed` gives new numbers each time it is used.
        """
        raise NotImplementedError(f"{type(self).__name__} needs `draw`.")

    def log_prob(self, x, labels=None):
        """Log-density of events, in nats.

        Args:
            x: Tensor of any type, of shape `(..., *event_shape)`.
            labels: As in `sample`. The density is that of the component.

        Returns:
            Tensor of shape `(...)`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no density.")

    def kl_divergence(self, other: "Distribution"):
        """KL divergence from another distribution, of each of the batch.

        `None` where there is no closed form.
        """
        return None

    def corrected(self, z, value):
        """Values of a function of draws, with all of its gradient.

        Where draws do not carry all of the gradient of an expectation to the
        parameters of the distribution, it adds what they lack.

        Args:
            z: Draws, as `sample` returned them.
            value: Tensor of shape `(n, batch)`, the values of the function.

        Returns:
            Tensor of the same values.
        """
        return value

    def get_config(self):
        raise NotImplementedError(
            f"{type(self).__name__} cannot be saved: define `get_config`."
        )

    @classmethod
    def from_config(cls, config):
        # Keras has made dictionaries of functions and distributions.
        restore = keras.saving.deserialize_keras_object
        nested = {k: v for k, v in config.items() if isinstance(v, dict | list)}
        return cls(**{**config, **restore(nested)})

    def __eq__(self, other):
        if self is other or type(self) is not type(other):
            return self is other
        saved = type(self).get_config is not Distribution.get_config
        return saved and self.get_config() == other.get_config()

    def __hash__(self):
        return hash(type(self))


class SaveableDistribution(Distribution):
    """A distribution that keeps its constructor's arguments as attributes."""

    def get_config(self):
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="keras_gen")
class Joint(Distribution):
    """Independent distributions, whose events make a tuple.

    Latents of a structured prior, or the layers of a hierarchy once those
    above are given.

    Args:
        parts: Sequence of `Distribution`s.

    Example:

    >>> prior = Joint([IsotropicNormal(62), Categorical(10), Uniform(2)])
    >>> noise, category, code = prior.sample(100, seed=0)
    """

    def __init__(self, parts):
        self.parts = tuple(parts)

    @property
    def event_shape(self):
        return tuple(part.event_shape for part in self.parts)

    @property
    def latent_dim(self):
        """The size of all events together."""
        return sum(part.latent_dim for part in self.parts)

    @property
    def mean(self):
        return tuple(part.mean for part in self.parts)

    def draw(self, n, labels, seed):
        return tuple(part.sample(n, seed=seed) for part in self.parts)

    def log_prob(self, x, labels=None):
        pairs = zip(self.parts, x, strict=True)
        terms = [part.log_prob(event) for part, event in pairs]
        return functools.reduce(ops.add, terms)

    def kl_divergence(self, other):
        if not isinstance(other, Joint):
            return None
        pairs = zip(self.parts, other.parts, strict=True)
        terms = [part.kl_divergence(of) for part, of in pairs]
        return None if any(term is None for term in terms) else sum(terms)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {"parts": [serialize(part) for part in self.parts]}


def as_generator(seed):
    """A source of new draws at each use, for an integer as well."""
    if not isinstance(seed, numbers.Integral):
        return seed
    return keras.random.SeedGenerator(derived_seed(seed, "samples"))


def as_float(x, like=None):
    """`x` in the type of `like`, or in Keras' own; float32 at least."""
    dtype = keras.config.floatx() if like is None else like.dtype
    double = keras.backend.standardize_dtype(dtype) == "float64"
    return ops.cast(x, "float64" if double else "float32")


def sum_event(x, rank: int):
    """Sums over the last `rank` axes."""
    return ops.sum(x, axis=tuple(range(-rank, 0))) if rank else x
