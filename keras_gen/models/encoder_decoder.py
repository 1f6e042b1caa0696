"""Base class of encoder-decoder models."""

import typing

import keras
import numpy as np

from keras_gen.checks import check_count
from keras_gen.engine import Signature, Vector
from keras_gen.losses.reconstruction import squared_error, sum_by_example
from keras_gen.models.conditioning import ExampleModel, lines_between


class Decoding:
    """Mixed into a model that decodes codes, perhaps under a condition.

    A subclass sets `latent_dim`, and defines:
        decode_step: `(z)` or `(z, condition)`, the decoded batch.
    """

    def decode(self, z, *, labels=None, batch_size: int = 256) -> np.ndarray:
        """Decodes codes.

        Args:
            z: Array of shape `(n, latent_dim)`.
        """
        z = self.as_array("z", Vector(self.latent_dim, "latent_dim"), z)
        given = [z, *self.conditions_of(labels, len(z))]
        return self.run_batched(self.decode_step, *given, batch_size=batch_size)


class EncoderDecoderModel(Decoding, ExampleModel):
    """A model with an encoder and a decoder of examples of one shape.

    A subclass sets what an `ExampleModel` does, and:
        latent_dim: The size of the code.
        encoder, decoder: The networks, or what `players` names.

    A subclass defines:
        encode_step: `(x)`, the codes of a batch without noise.
        decode_step: `(z)` or `(z, condition)`, the decoded batch.

    Args of subclasses:
        input_shape: Tuple. The shape of an example.
        latent_dim: Integer. The size of the code.
        hidden_units: Integer or tuple. The units of the encoder's hidden
            layers; the decoder has them in reverse.
    """

    players = {"model": ["encoder", "decoder"]}
    # The range of the values of a latent that `traverse` shows.
    traversed: typing.ClassVar[tuple[float, float]] = (-3.0, 3.0)
    # Whether reconstructions need no condition: the encoder infers it.
    infers_condition: typing.ClassVar[bool] = False
    must_set = ("latent_dim",)
    must_define = ("encode_step", "decode_step")

    def encode_step(self, x):
        """The codes of a batch, without noise."""
        raise NotImplementedError(f"{type(self).__name__} needs `encode_step`.")

    def decode_step(self, z):
        """The decoded batch of codes."""
        raise NotImplementedError(f"{type(self).__name__} needs `decode_step`.")

    def reconstruct_step(self, x, *condition):
        """Encodes and decodes a batch."""
        return self.decode_step(self.encode_step(x), *condition)

    def call(self, inputs, training=False):
        """Reconstructs examples, or a pair of examples and labels."""
        if self.condition is None or self.infers_condition:
            return self.reconstruct_step(inputs)
        return self.reconstruct_step(*inputs)

    def encode(self, x, *, batch_size: int = 256) -> np.ndarray:
        """Encodes examples to codes `(n, latent_dim)`, without noise."""
        return self.run(self.encode_step, x, batch_size=batch_size)

    def reconstruct(
        self, x, *, labels=None, batch_size: int = 256
    ) -> np.ndarray:
        """Encodes and decodes examples.

        Args:
            labels: Array of their classes. Needed by a conditional model
                that does not infer them.
        """
        step = self.reconstruct_step
        return self._run_with_labels(step, x, labels, batch_size)

    def reconstruction_error(
        self, x, *, labels=None, batch_size: int = 256
    ) -> np.ndarray:
        """The sum of squared errors of each example; higher is more anomalous.

        Args:
            labels: As in `reconstruct`.
        """

        def step(x, *condition):
            reconstruction = self.reconstruct_step(x, *condition)
            return sum_by_example(squared_error(x, reconstruction))

        return self._run_with_labels(step, x, labels, batch_size)

    def _run_with_labels(self, step, x, labels, batch_size):
        """Runs a step that takes a condition, unless the encoder infers it."""
        options = {
            "batch_size": batch_size,
            "labeled": self.condition is not None and not self.infers_condition,
        }
        known = self.known_conditions
        return self.run_conditioned(step, x, labels, known, **options)

    def interpolate(self, a, b, *, steps: int = 10, labels=None) -> np.ndarray:
        """Decodes what lies between the codes of pairs of examples.

        Args:
            a: Array of `n` examples.
            b: Array of `n` examples.
            steps: Integer. The points of each line, both ends included.
            labels: Array of the classes of the `n` lines, or one for all.
                Defaults to those of `a`, if the model infers them, or else to
                the classes in turn.

        Returns:
            Array of shape `(n, steps, ...)`.
        """
        labels = self.inferred_labels(a) if labels is None else labels
        lines = self.codes_between(self.encode(a), self.encode(b), steps)
        return self.decode_rows(lines, *self.conditions_of(labels, len(lines)))

    def traverse(self, x, dims=None, values=None, *, labels=None) -> np.ndarray:
        """Decodes the code of an example with one latent varied at a time.

        Args:
            x: Array, one example.
            dims: Sequence of latent dimensions. Defaults to all.
            values: Sequence of the values they take. Defaults to seven over
                the range of the prior, from -3 to 3 of a normal one.
            labels: Integer, its class. Needed by a conditional model that
                does not infer it.

        Returns:
            Array of shape `(len(dims), len(values), ...)`.
        """
        dims = range(self.latent_dim) if dims is None else dims
        values = np.linspace(*self.traversed, 7) if values is None else values
        if labels is None:
            inferred = self.inferred_labels(np.asarray(x)[None])
            labels = None if inferred is None else inferred[0]
        conditions = self.known_conditions(labels, len(dims))
        code = self.encode(np.asarray(x)[None])
        codes = np.tile(code, (len(dims), len(values), 1))
        for row, dim in zip(codes, dims, strict=True):
            row[:] = self.with_latent(row, dim, values)
        return self.decode_rows(codes, *conditions)

    def inferred_labels(self, x):
        """The classes of examples, if the model infers them; or `None`."""
        return None

    def codes_between(self, start, stop, steps: int) -> np.ndarray:
        """Codes `(n, steps, latent_dim)` on the ways between two of each."""
        return lines_between(start, stop, steps)

    def with_latent(self, codes, dim: int, values) -> np.ndarray:
        """Codes whose latent `dim` has other values."""
        codes = np.array(codes)
        codes[:, dim] = values
        return codes

    def known_conditions(self, labels, n: int) -> tuple:
        """`conditions_of` given examples: () if the encoder infers them."""
        if labels is not None:
            return self.conditions_of(labels, n)
        if self.condition is None or self.infers_condition:
            return ()
        raise ValueError(
            f"`labels` of {type(self).__name__} must be given: the code does "
            "not hold them. Received: labels=None. Pass the classes of the "
            "examples."
        )

    def decode_rows(self, codes, *conditions) -> np.ndarray:
        """Decodes codes `(rows, columns, latent_dim)`, a condition to a row."""
        rows, columns, size = codes.shape
        repeated = [np.repeat(value, columns, axis=0) for value in conditions]
        codes = codes.reshape(-1, size)
        images = self.run_batched(self.decode_step, codes, *repeated)
        return images.reshape(rows, columns, *images.shape[1:])

    def signatures(self):
        x, condition = {"x": self.examples_spec()}, self.condition_inputs()
        both = x if self.infers_condition else x | condition
        z = {"z": Vector(self.latent_dim, "latent_dim"), **condition}
        served = Signature(self.reconstruct_step, both, ("reconstruction",))
        encode = Signature(self.encode_step, x, ("code",))
        decode = Signature(self.decode_step, z, ("x",))
        return {"serving_default": served, "encode": encode, "decode": decode}

    def served_networks(self):
        """The networks of the first player."""
        names = next(iter(self.players.values()))
        return keras.tree.flatten([getattr(self, name) for name in names])


class PriorSampling:
    """Mixed into an encoder-decoder model whose codes follow a prior.

    The model has `prior`, a `Distribution`, and `prior_seed`.
    """

    def sample_latents(self, num_samples, labels=None, seed=None):
        """Codes of `num_samples` samples, and the labels to decode them."""
        check_count(1, num_samples=num_samples)
        self.conditions_of(labels, num_samples)  # Wrong ones move no seed.
        seed = self.prior_seed if seed is None else seed
        return self.prior.sample(num_samples, seed=seed), labels

    def sample(
        self,
        num_samples: int,
        *,
        labels=None,
        seed: int | None = None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Decodes draws from the prior.

        Args:
            num_samples: Integer. How many samples.

        Returns:
            Array of `num_samples` examples: the means of `p(x|z)`.
        """
        z, labels = self.sample_latents(num_samples, labels, seed)
        return self.decode(z, labels=labels, batch_size=batch_size)
