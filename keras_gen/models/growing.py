"""Base class of the adversarial models that grow while they train."""

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_positive
from keras_gen.models.adversarial import AdversarialModel


class GrowingModel(AdversarialModel):
    """A generator and a discriminator that start from small images.

    A new stage of both networks doubles the size of the images. It is faded
    in over `fade_images` images and trained for `stable_images` more. A stage
    begins with an epoch; the fade moves with every step. Both follow from the
    number of images that the model has seen, so that a model that was saved
    within a fade goes on in it.

    Args:
        image_shape: Tuple `(size, size, channels)` of the images of the last
            stage; `size` is `first_size` times a power of 2.
        first_size: Integer. The height and width in the first stage.
        stable_images: Integer. The images that each stage is trained for.
        fade_images: Integer. The images over which a stage is faded in.
        batch_sizes: Tuple of integers, one for each stage, or `None`. The
            images of an update. The largest is the `batch_size` of `fit`: a
            step of a stage that takes fewer makes several updates.

    A subclass sets:
        generator: A layer, called `generator(inputs, level=, stage=,
            training=)`. With an integer `stage` it makes images of that
            stage's size, in which the heads of the stage and of that before
            are mixed by `head_weight`. With `stage=None` it makes images of
            the last size, in which all heads are mixed.

    A subclass defines:
        discriminate_step: `(x, condition, training)`, for images of the size
            of the stage `self.stage`.
        stage_variables: What the networks' variables of a stage are, for
            speed.
    """

    must_set = ("generator",)
    must_define = ("discriminate_step", "generator_loss")
    value_range = (-1.0, 1.0)
    # What the compiled steps take as a constant.
    stage = 0

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (1024, 1024, 3),
        first_size: int = 4,
        stable_images: int = 600_000,
        fade_images: int = 600_000,
        batch_sizes: tuple[int, ...] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(
            first_size=first_size,
            stable_images=stable_images,
            fade_images=fade_images,
        )
        self.image_shape = tuple(image_shape)
        self.first_size = first_size
        self.stable_images = stable_images
        self.fade_images = fade_images
        self.sizes = _sizes(self.image_shape, first_size)
        if batch_sizes is not None and len(batch_sizes) != len(self.sizes):
            raise ValueError(
                "`batch_sizes` must be one integer for each of the sizes "
                f"{self.sizes}. Received: batch_sizes={batch_sizes}. Name all."
            )
        self.batch_sizes = batch_sizes and tuple(batch_sizes)
        self.growth = Growth(name="growth", dtype="float32")

    # ---- Growing ----------------------------------------------------------

    def phase_at(self, images: int) -> int:
        """0 while the first stage is trained; then odd while a stage is faded
        in, and even while it is trained."""
        past = images - self.stable_images
        if past < 0:
            return 0
        stage, within = divmod(past, self.fade_images + self.stable_images)
        if stage + 1 >= len(self.sizes):
            return 2 * (len(self.sizes) - 1)
        return 2 * stage + (1 if within < self.fade_images else 2)

    def level_at(self, images):
        """How far the model has grown: stage `s` is faded in from `s - 1` to
        `s`."""
        past = ops.cast(images, "float32") - self.stable_images
        period = float(self.fade_images + self.stable_images)
        stage = ops.floor(past / period)
        alpha = ops.minimum((past - stage * period) / self.fade_images, 1.0)
        return ops.clip(stage + alpha, 0.0, len(self.sizes) - 1.0)

    def begin_epoch(self):
        phase = self.phase_at(value_of(self.examples_seen))
        if phase != value_of(self.growth.phase):
            # The moments of a smaller network mislead a larger one.
            self.optimizer.reset()
            self.growth.phase.assign(phase)
        self._enter_stage()

    def _enter_stage(self):
        self.specialize(stage=(value_of(self.growth.phase) + 1) // 2)

    def evaluate(self, *args, **kwargs):
        self._enter_stage()
        return super().evaluate(*args, **kwargs)

    def stage_variables(self, player: str) -> list[keras.Variable] | None:
        """The variables that `player` updates in this stage; all by default."""
        return None

    def minimize(self, player, batch=None, *, variables=None, over=None):
        if variables is None:
            variables = self.stage_variables(player)
        return super().minimize(player, batch, variables=variables, over=over)

    def prepared(self, data):
        self.growth.level.assign(self.level_at(self.examples_seen))
        batch = super().prepared(data)
        return batch._replace(x=self.process_examples(batch.x))

    def process_examples(self, x):
        """Images of the last size at the size of the stage, faded as the
        generator's are."""
        size = self.sizes[self.stage]
        x = _pool(x, self.sizes[-1] // size)
        if self.stage == 0:
            return x
        coarse = enlarge(_pool(x, 2), 2)
        weight = ops.cast(self.head_weight(self.stage), x.dtype)
        return coarse + weight * (x - coarse)

    def head_weight(self, stage: int):
        """How much the head of a stage counts, in [0, 1]."""
        return head_weight(self.growth.level, stage)

    def updates_of(self, batch) -> list:
        """The parts of a batch, one for each update of the stage."""
        return self.split(batch, self.batch_parts)

    @property
    def batch_parts(self) -> int:
        """The updates of the stage in a step."""
        if self.batch_sizes is None:
            return 1
        return max(self.batch_sizes) // self.batch_sizes[self.stage]

    # ---- Networks ---------------------------------------------------------

    def generate_step(self, z, condition=None, training=False):
        inputs = z if condition is None else [*keras.tree.flatten(z), condition]
        return self._generated(self.generator, inputs, self.stage, training)

    def call(self, inputs, training=False):
        """Generates images of the last size, by the heads grown so far."""
        return self._generated(self.sampler, inputs, None)

    def _generated(self, network, inputs, stage, training=False):
        level = ops.convert_to_tensor(self.growth.level)
        return at_least_float32(
            network(inputs, level=level, stage=stage, training=training)
        )

    def discriminate(self, x, *, labels=None, batch_size: int = 256):
        self._enter_stage()
        return super().discriminate(x, labels=labels, batch_size=batch_size)

    def served_networks(self):
        return [self.sampler, self.growth]


@keras.saving.register_keras_serializable(package="keras_gen")
class Growth(keras.layers.Layer):
    """How far a model has grown, as weights that are saved with it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        for name, dtype in (("level", "float32"), ("phase", "int32")):
            weight = self.add_weight(
                shape=(),
                initializer="zeros",
                dtype=dtype,
                trainable=False,
                name=name,
            )
            setattr(self, name, weight)
        self.built = True


def head_weight(level, stage: int):
    """How much the head of a stage counts at a level of growth, in [0, 1]."""
    level = ops.convert_to_tensor(level)
    return ops.clip(1.0 - ops.abs(level - float(stage)), 0.0, 1.0)


def value_of(counter: keras.Variable) -> int:
    """The value of an integer variable, that of one replica if it has many."""
    return int(ops.convert_to_numpy(counter))


def enlarge(x, factor: int):
    """Images enlarged by repeating their pixels, which has second derivatives
    on every backend."""
    return ops.repeat(ops.repeat(x, factor, axis=1), factor, axis=2)


def _pool(x, factor):
    if factor == 1:
        return x
    return ops.average_pool(x, factor, factor, data_format="channels_last")


def _sizes(image_shape, first_size):
    """The height of the images in each stage."""
    size, sizes = first_size, [first_size]
    while size < image_shape[0]:
        size *= 2
        sizes.append(size)
    if image_shape[0] != image_shape[1] or size != image_shape[0]:
        raise ValueError(
            "`image_shape` must be square, `first_size` times a power of 2. "
            f"Received: image_shape={image_shape}, first_size={first_size}. "
            "Resize the images."
        )
    return tuple(sizes)
