"""What the recipes of stacked autoencoders share."""

import time

import numpy as np

import common


def train(run, build, pretrain_epochs, optimizer=None):
    """Pretrains the layers of a classifier, then trains all of it.

    The control is the same network from its initial weights, trained on the
    same batches with labels, without pretraining.

    Args:
        run: The `Run`, whose data have labels.
        build: Function of the preset's arguments of the model.
        pretrain_epochs: Integer. Passes over the images for each layer, unless
            the run's options say how many.
        optimizer: Function that makes the optimizer of a layer, or `None` for
            its autoencoder's own.
    """
    if run.options.pretrain_epochs is not None:
        pretrain_epochs = run.options.pretrain_epochs
    model = run.model(build)
    model.summary()
    results = {}
    if not run.initial_epoch:
        start = time.perf_counter()
        model.pretrain(
            run.images("train", 60_000),
            epochs=pretrain_epochs,
            batch_size=run.options.batch_size,
            optimizer=optimizer,
        )
        results["pretraining_seconds"] = round(time.perf_counter() - start, 1)
    run.fit(model, sampler=features, columns=10)
    print("The same network without pretraining:")
    plain = run.control(build)
    test, labels = run.labelled("test", 10_000)
    for name, trained in (("", model), ("plain_", plain)):
        wrong = trained.classify(test) != labels
        results[f"{name}classification_error"] = 100.0 * float(np.mean(wrong))
    common.save_features(run, model.layer_autoencoder(0))
    run.finish(model, results)


def features(model, count=30):
    """What excites the lowest units of a stack, in shades around grey."""
    columns = model.layer_autoencoder(0).features()[:count]
    return 0.5 + columns / (6.0 * columns.std())
