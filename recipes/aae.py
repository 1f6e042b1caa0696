"""Trains an adversarial autoencoder, or one of its variants.

    KERAS_BACKEND=jax python recipes/aae.py
    KERAS_BACKEND=jax python recipes/aae.py --variant semi_supervised
    python recipes/aae.py --variant label_prior --model.prior swiss_roll

`label_prior`, `semi_supervised` and `dim_reduction` see `--num-labels` labels,
`supervised` sees all of them, the others none.
"""

import dataclasses

from keras.optimizers import SGD, Adam
from keras.optimizers.schedules import PiecewiseConstantDecay

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data, pictures

VARIANTS = {
    "unsupervised": keras_gen.AAE,
    "label_prior": keras_gen.LabelPriorAAE,
    "supervised": keras_gen.SupervisedAAE,
    "semi_supervised": keras_gen.SemiSupervisedAAE,
    "clustering": keras_gen.ClusteringAAE,
    "dim_reduction": keras_gen.DimReductionAAE,
}
FEW_LABELS = ("label_prior", "semi_supervised", "dim_reduction")
PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=30, batch_size=50),
    "small": recipe.Preset(epochs=2, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=1000, batch_size=100, dataset="mnist"),
}
EPOCHS = {
    ("label_prior", "small"): 4,
    ("clustering", "small"): 15,
    ("semi_supervised", "paper"): 5000,
}


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains an adversarial autoencoder."""

    num_labels: int = 1000
    """Labeled examples, class-balanced, for the variants that learn from
    few."""


def is_adversary(player):
    return player == "encoder" or "discriminator" in player


def adam(players, others=1e-3, discriminators=2e-4, encoder=2e-4):
    """Slow for the adversaries, which otherwise prevent reconstruction."""
    rates = {player: discriminators for player in players} | {
        "encoder": encoder
    }
    return {
        player: Adam(rates[player], beta_1=0.5)
        if is_adversary(player)
        else Adam(others)
        for player in players
    }


def adam_2d_codes(players):
    """With 2-D codes, a fast reconstruction drives them apart."""
    return adam(players, others=1e-4, discriminators=1e-4, encoder=1e-3)


def sgd_for_adversaries(players):
    """Adam's discriminators would force all examples into one cluster."""
    return {
        player: SGD(0.01, momentum=0.1) if is_adversary(player) else Adam(1e-3)
        for player in players
    }


def sgd_with_step_decay(model, steps_per_epoch):
    """The paper's, ten times slower from the epochs 50 and 1000 on."""
    steps = [50 * steps_per_epoch, 1000 * steps_per_epoch]
    optimizers = {}
    for player in model.players:
        rate, momentum = model.learning_rates[player]
        rates = [rate, rate / 10.0, rate / 100.0]
        decay = PiecewiseConstantDecay(steps, rates)
        optimizers[player] = SGD(decay, momentum=momentum)
    return optimizers


def main(options):
    variant, preset = options.variant, options.preset
    options.epochs = options.epochs or EPOCHS.get((variant, preset))
    few, supervised = variant in FEW_LABELS, variant == "supervised"
    if few and options.augment:
        raise SystemExit(
            f"`--augment` must be left out with --variant {variant}. Received: "
            f"--augment {' '.join(options.augment)}."
        )
    run = recipe.start("aae", options, PRESETS)
    model = run.resumed()
    if model is None:
        classes = (
            {"num_classes": run.num_classes()} if few or supervised else {}
        )
        model = VARIANTS[variant].from_preset(
            preset, input_shape=run.image_shape, **{**classes, **run.arguments}
        )
        if preset == "paper":
            optimizers = sgd_with_step_decay(model, run.steps_per_epoch)
        elif variant == "label_prior":
            optimizers = adam_2d_codes(model.players)
        elif variant == "clustering":
            optimizers = sgd_for_adversaries(model.players)
        else:
            optimizers = adam(model.players)
        run.compile(model, optimizers)
    model.summary()
    if few:
        train = data.partly_labeled(
            *run.labeled("train", 60_000, model.value_range),
            options.num_labels,
            2 * run.batch_size,
            steps_per_epoch=run.steps_per_epoch,
            seed=options.seed,
            start_step=run.start_step,
        )
    else:
        train = data.pipeline(
            run.load("train"),
            run.batch_size,
            features=("image", "label") if supervised else "image",
            value_range=model.value_range,
            **run.order,
        )
    model.fit(
        train.dataset,
        **run.length,
        callbacks=[
            callbacks.SampleGrid(run.folder / "samples", num=100, columns=10),
            *run.callbacks(),
        ],
    )
    test, labels = run.images("test", value_range=model.value_range), None
    if run.has_labels:
        test, labels = run.labeled("test", value_range=model.value_range)
    errors = model.reconstruction_error(
        test, labels=labels if supervised else None
    )
    report = {"squared_error": errors.mean()}
    if few and variant != "label_prior":
        wrong = (model.classify(test) != labels).mean()
        report["classification_error"] = 100.0 * wrong
    codes = model.encode(test)
    if codes.shape[1] == 2 and run.has_labels:
        pictures.save_scatter(run.folder / "codes.png", codes, labels)
    run.finish(model, report)


if __name__ == "__main__":
    recipe.cli(main, VARIANTS, Options)
