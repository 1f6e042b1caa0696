"""What the recipes of generative adversarial networks share."""

from keras_gen import callbacks, data


def fit(run, model, **options):
    """Trains a model on the run's images, with pictures of samples.

    Args:
        run: `Run`.
        model: The compiled model.
        **options: Further arguments of `data.pipeline`.
    """
    labeled = model.data_spec().y is not None
    train = data.pipeline(
        run.load("train"),
        run.batch_size * model.batch_parts,
        features=("image", "label") if labeled else "image",
        value_range=model.value_range,
        **{**run.order, **options},
    )
    # One column for each class.
    classes = getattr(model.condition, "num_classes", None)
    grid = {"num": 8 * classes, "columns": classes} if classes else {}
    model.fit(
        train.dataset,
        **run.length,
        callbacks=[
            callbacks.SampleGrid(run.folder / "samples", **grid),
            *run.callbacks(),
        ],
    )
