"""Trains a classifier whose layers are first autoencoders."""

import numpy as np

from keras_gen import data


def train(run, model_class, pretrain_epochs, optimizer, layer_optimizer):
    """Pretrains the layers without labels, then trains all of it with them.

    Args:
        run: `Run`.
        model_class: `keras_gen.StackedDAE` or `keras_gen.StackedCAE`.
        pretrain_epochs: Integer. The epochs of each layer's autoencoder.
        optimizer: The optimizer of the classifier, or `None` for the paper's.
        layer_optimizer: Function of a layer's autoencoder and of the preset's
            name that returns its optimizer.
    """
    model = run.resumed()
    if model is None:
        arguments = {"num_classes": run.num_classes(), **run.arguments}
        preset = run.options.preset
        model = model_class.from_preset(
            preset, input_shape=run.image_shape, **arguments
        )
        run.compile(model, optimizer)
        model.pretrain(
            run.images("train", 60_000),
            epochs=pretrain_epochs,
            batch_size=run.batch_size,
            optimizer=lambda layer: layer_optimizer(layer, preset),
        )
    model.summary()
    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        features=("image", "label"),
        **run.order,
    )
    model.fit(
        train.dataset,
        **run.length,
        callbacks=run.callbacks(),
    )
    run.save_filters(model.layer_autoencoder(0))
    x, labels = run.labeled("test")
    wrong = np.mean(model.classify(x) != labels)
    run.finish(model, {"classification_error": 100.0 * wrong})
