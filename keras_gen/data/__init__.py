"""Data sets, and the pipelines that bring them to `fit()`.

`load()` gives a `tf.data.Dataset` of named features: an embedded set, which
needs no download, any set of TensorFlow Datasets, or a folder of pictures or
recordings. `pipeline()` turns such a data set into the batches a model trains
on, `zipped()` two of them into batches of unpaired domains, and
`partly_labeled()` arrays into batches of which a part has labels. The order of
the data and every random draw on the way are functions of the seed, the epoch
and the step alone, so that a resumed run sees what the uninterrupted run would
have seen.

Example:

>>> from keras_gen import data
>>> digits = data.load("digits", split="train")
>>> train = data.pipeline(digits, batch_size=100, binarize="dynamic")
>>> # model.fit(train.dataset, steps_per_epoch=train.steps_per_epoch)
"""

from keras_gen.data import _tensorflow  # noqa: F401  (before any TensorFlow)
from keras_gen.data.augmentation import Augmentation, augmentation
from keras_gen.data.factors import FactorArrays, FactorData, sprite_factor_data
from keras_gen.data.images import resize_images
from keras_gen.data.lit_heads import (
    LIT_HEAD_FACTORS,
    lit_head_factor_values,
    lit_head_identities,
    one_factor_batches,
    render_lit_heads,
)
from keras_gen.data.loading import (
    attribute_names,
    list_datasets,
    load,
    num_classes,
    split_sizes,
)
from keras_gen.data.partial_labels import choose_labeled, partly_labeled
from keras_gen.data.pipelines import Pipeline, pipeline
from keras_gen.data.scenes import SCENE_ATTRIBUTES
from keras_gen.data.sources import select
from keras_gen.data.speech import SPEECH_NOISES
from keras_gen.data.sprites import (
    SPRITE_FACTORS,
    render_sprites,
    sprite_factor_values,
)
from keras_gen.data.wav import read_wav, write_wav
from keras_gen.data.zipping import zipped

__all__ = [
    "LIT_HEAD_FACTORS",
    "SCENE_ATTRIBUTES",
    "SPEECH_NOISES",
    "SPRITE_FACTORS",
    "Augmentation",
    "FactorArrays",
    "FactorData",
    "Pipeline",
    "attribute_names",
    "augmentation",
    "choose_labeled",
    "list_datasets",
    "lit_head_factor_values",
    "lit_head_identities",
    "load",
    "num_classes",
    "one_factor_batches",
    "partly_labeled",
    "pipeline",
    "read_wav",
    "render_lit_heads",
    "render_sprites",
    "resize_images",
    "select",
    "split_sizes",
    "sprite_factor_data",
    "sprite_factor_values",
    "write_wav",
    "zipped",
]
