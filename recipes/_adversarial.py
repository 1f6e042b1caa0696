"""What the recipes of generative adversarial networks share."""

from keras_gen import callbacks, data
from keras_gen.engine import Labels


def fit(run, model, **options):
    """Trains a model on the run's images, with pictures of samples.

    Args:
        run: `Run`.
        model: The compiled model.
        **options: Further arguments of `data.pipeline`.
    """
    labeled = isinstance(model.data_spec().y, Labels)
    train = data.pipeline(
        run.load("train"),
        run.batch_size * model.batch_parts,
        features=("image", "label") if labeled else "image",
        value_range=model.value_range,
        **{**run.order, **options},
    )
    model.fit(
        train.dataset,
        **run.length,
        callbacks=[
            callbacks.SampleGrid(run.folder / "samples"),
            *run.callbacks(),
        ],
    )
