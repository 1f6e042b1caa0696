"""Base class of the generative adversarial networks."""

import typing

import keras
import numpy as np
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_count, check_decay, check_positive
from keras_gen.distributions import Distribution, resolve_prior
from keras_gen.engine import (
    Signature,
    Spec,
    Vector,
    update_average,
)
from keras_gen.engine.data_spec import map_spec
from keras_gen.losses.adversarial import OBJECTIVES, Objective
from keras_gen.models.conditioning import ExampleModel, lines_between


class AdversarialModel(ExampleModel):
    """A generator trained against a discriminator (or critic).

    Args:
        latent_dim: Integer. The size of the latents.
        prior: String, `Distribution` or function. The distribution of the
            latents: `"normal"` for N(0, I), `"uniform"` for U(-1, 1),
            `"uniform_unit_interval"` for U(0, 1), `"uniform_unit_variance"`,
            `"spherical"` for the unit sphere, or an object of
            `keras_gen.distributions`, such as a `Joint` for structured
            latents, which then sets `latent_dim`.
        ema_decay: Float in [0, 1) or `None`. If given, samples come from an
            exponential moving average of the generator's weights.
        ema_warmup: Boolean. Whether its decay in step `n`, from 0 on, is at
            most `(1 + n) / (10 + n)`, so that the initial weights are soon
            forgotten.

    Args of subclasses:
        image_shape: Tuple `(height, width, channels)`.
        input_shape: Tuple. The shape of an example.
        generator: `keras.Model` from latents (and labels) to examples.
        discriminator: `keras.Model` from examples (and labels) to logits of
            shape `(batch, 1)`.

    A subclass sets what an `ExampleModel` does, then its networks by
    `network_of`; the generator takes latents, and the condition if any.
    `minimize`, `log`, `gradient` and `split` are those of `engine/updates.py`.

    A subclass may set:
        objective: `Objective`, the losses of the two players. The
            discriminator sees real and generated examples in separate passes,
            and conditions of the batch with both.
        adversary: String. The network that scores examples, `discriminator`
            or `critic`.
        batch_parts: Integer. The updates of the first player for each of the
            others, each on its own part of the batch.
        sample_names: Tuple of strings. The served outputs, where the generator
            has several; `example_shape` is then a tuple of their shapes, and
            samples are a tuple of arrays.

    A subclass of another game defines:
        {player}_loss, for each player.
        discriminate_step: `(x, condition, training)`, the scores of shape
            `(batch,)`, if they are not the adversary's one output.
    """

    players = {"discriminator": ["discriminator"], "generator": ["generator"]}
    shape_argument = "image_shape"
    must_set = ("generator",)
    objective: Objective = OBJECTIVES["non_saturating"]
    adversary = "discriminator"
    sample_names: typing.ClassVar[tuple[str, ...]] = ("samples",)

    def __init__(
        self,
        latent_dim: int | None = 100,
        prior: str | Distribution = "normal",
        ema_decay: float | None = None,
        ema_warmup: bool = True,
        **kwargs,
    ):
        if isinstance(prior, Distribution):
            latent_dim = prior.latent_dim
        else:
            check_positive(latent_dim=latent_dim)
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.prior = resolve_prior(prior, latent_dim)
        if ema_decay is not None:
            check_decay(ema_decay=ema_decay)
        self.ema_decay = ema_decay
        self.ema_warmup = ema_warmup
        self.latent_seed = self.seed_generator("latents")
        self.condition_seed = self.seed_generator("conditions")

    def network_of(
        self,
        name,
        given,
        build,
        inputs=None,
        outputs=None,
        logits=0,
        used=True,
    ):
        if name == "generator" and inputs is None:
            inputs = [s.shape for s in self.generator_inputs().values()]
        network = super().network_of(
            name, given, build, inputs, outputs, logits, used
        )
        if name == "generator":
            if given is not None:
                # Only the user knows the range of their network's outputs.
                self.value_range = None
            if self.ema_decay is not None:
                self.ema_generator = self.average_of(name, network)
        return network

    def after_update(self, player):
        if self.ema_decay is not None and "generator" in self.players[player]:
            decay = self.ema_decay
            if self.ema_warmup:
                n = ops.cast(self.steps_seen.value, "float32")
                decay = ops.minimum(decay, (1.0 + n) / (10.0 + n))
            update_average(self.ema_generator, self.generator, decay)

    @property
    def sampler(self) -> keras.Model:
        """The network that samples are taken from."""
        return self.generator if self.ema_decay is None else self.ema_generator

    def draw_latents(self, n, seed=None):
        """Latents of `n` examples, as a tensor or a structure of tensors."""
        seed = self.latent_seed if seed is None else seed
        return self.prior.sample(n, seed=seed)

    def draw_condition(self, n):
        """Random labels for `n` examples, or `None` for a model without."""
        return self.condition and self.condition.sample(n, self.condition_seed)

    def generate_step(self, z, condition=None, training=False):
        """The generator's batch for latents and conditions."""
        inputs = z if condition is None else [*keras.tree.flatten(z), condition]
        outputs = self.generator(inputs, training=training)
        return keras.tree.map_structure(at_least_float32, outputs)

    def generate_for(self, batch, training=False):
        """As many examples as a batch has, from latents of their own, under
        the batch's conditions."""
        z = self.draw_latents(ops.shape(keras.tree.flatten(batch.x)[0])[0])
        return self.generate_step(z, batch.y, training)

    def generate_batch(self, n, training=False):
        """`n` examples, of latents and conditions drawn for them, and these
        conditions."""
        condition = self.draw_condition(n)
        z = self.draw_latents(n)
        return self.generate_step(z, condition, training), condition

    def discriminate_step(self, x, condition=None, training=False):
        """The discriminator's logits or the critic's scores of a batch."""
        if condition is None and self.condition is not None:
            raise ValueError(
                f"`labels` of {type(self).__name__} must be given, since its "
                "discriminator is conditioned on them. Received: labels=None."
            )
        inputs = x if condition is None else [x, condition]
        scores = getattr(self, self.adversary)(inputs, training=training)
        return self.scalar_outputs(scores)

    def scalar_outputs(self, outputs):
        """Outputs of shape `(batch, 1)` in float32, of shape `(batch,)`."""
        return at_least_float32(ops.squeeze(outputs, axis=-1))

    def discriminator_loss(self, batch, training):
        fake = ops.stop_gradient(self.generate_for(batch, training))
        real = self.discriminate_step(batch.x, batch.y, training)
        fake = self.discriminate_step(fake, batch.y, training)
        return self.objective.discriminator(real, fake)

    critic_loss = discriminator_loss

    def generator_loss(self, batch, training):
        fake = self.generate_for(batch, training)
        fake = self.discriminate_step(fake, batch.y, training)
        return self.objective.generator(fake)

    def training_step(self, batch):
        adversary, *others = self.players  # "critic", "generator"
        for part in self.split(batch, self.batch_parts):
            self.minimize(adversary, part)
        for player in others:
            self.minimize(player, part)

    def process_examples(self, x):
        """Hook: what the discriminator is shown of examples."""
        return x

    def call(self, inputs, training=False):
        """Generates from latents, or from latents and a condition."""
        outputs = self.sampler(inputs, training=False)
        return keras.tree.map_structure(at_least_float32, outputs)

    def latent_specs(self) -> dict[str, Spec]:
        """The served inputs that hold the latents."""
        shape = self.prior.event_shape
        if isinstance(shape[0], int):
            return {"z": Vector(shape[-1], "latent_dim")}
        return {f"z_{i}": Vector(s[-1], "prior") for i, s in enumerate(shape)}

    def generator_inputs(self) -> dict[str, Spec]:
        """The served inputs: latents, and a condition if there is one."""
        return {**self.latent_specs(), **self.condition_inputs()}

    def as_latents(self, z) -> list[np.ndarray]:
        """Latents as float32 arrays of the shape of the prior, checked."""
        specs = self.latent_specs()
        if "z" in specs:
            return [self.as_array("z", specs["z"], z)]
        parts = tuple(map(ops.convert_to_numpy, z))
        return list(map_spec(self.as_array, tuple(specs.values()), parts, "z"))

    def generate(self, z, *, labels=None, batch_size: int = 256) -> np.ndarray:
        """Generates examples from latents.

        Args:
            z: Array of shape `(n, latent_dim)`, or a tuple of arrays for
                structured latents.
        """
        z = self.as_latents(z)
        inputs = [*z, *self.conditions_of(labels, len(z[0]))]
        return self.run_batched(self._generate, *inputs, batch_size=batch_size)

    def sample(
        self,
        num_samples: int,
        *,
        labels=None,
        seed: int | None = None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Generates `num_samples` examples from random latents."""
        check_count(1, num_samples=num_samples)
        self.conditions_of(labels, num_samples)  # Wrong ones move no seed.
        z = self.draw_latents(num_samples, seed)
        return self.generate(z, labels=labels, batch_size=batch_size)

    def interpolate_latents(
        self, a, b, *, steps: int = 10, labels=None
    ) -> np.ndarray:
        """Generates along the straight lines between pairs of latents.

        Args:
            a: Array of shape `(n, latent_dim)`, or a tuple of arrays.
            b: The same.
            steps: Integer. The points of each line, both ends included.

        Returns:
            Array of shape `(n, steps, ...)`.
        """
        pairs = zip(self.as_latents(a), self.as_latents(b), strict=True)
        lines = [lines_between(*pair, steps) for pair in pairs]
        n = len(lines[0])
        inputs = [line.reshape(n * steps, -1) for line in lines]
        for condition in self.conditions_of(labels, n):
            inputs.append(np.repeat(condition, steps, axis=0))
        return keras.tree.map_structure(
            lambda x: x.reshape(n, steps, *x.shape[1:]),
            self.run_batched(self._generate, *inputs),
        )

    def discriminate(
        self, x, *, labels=None, batch_size: int = 256
    ) -> np.ndarray:
        """The discriminator's logits or the critic's scores, of shape `(n,)`.

        Args:
            labels: Array of the classes of the examples, for a discriminator
                that is conditioned on them.
        """
        labeled = self.condition is not None

        def given(labels, n):
            if labels is None and labeled:
                return ()
            return self.conditions_of(labels, n)

        def step(x, *condition):
            return self.discriminate_step(self.process_examples(x), *condition)

        options = {"batch_size": batch_size, "labeled": labeled}
        return self.run_conditioned(step, x, labels, given, **options)

    def signatures(self):
        signature = Signature(
            self._generate, self.generator_inputs(), self.sample_names
        )
        return {"serving_default": signature}

    def served_networks(self):
        return [self.sampler]

    def _generate(self, *inputs):
        """`call`, given latents and conditions one by one."""
        return self.call(list(inputs) if len(inputs) > 1 else inputs[0])
