"""Trains an adversarial autoencoder, or one of its variants.

    KERAS_BACKEND=jax python recipes/aae.py
    KERAS_BACKEND=jax python recipes/aae.py --variant semi_supervised
    python recipes/aae.py --variant label_prior --prior swiss_roll

The first compares its codes with the prior and with those of the same networks
without the adversary. The variants with labels see `--num-labels` of them.
"""

import dataclasses
import functools
from typing import Literal

import keras
import numpy as np

import common
import keras_gen
from keras_gen import callbacks, metrics

CLASSES = {
    "unsupervised": "AAE",
    "label_prior": "LabelPriorAAE",
    "supervised": "SupervisedAAE",
    "semi_supervised": "SemiSupervisedAAE",
    "clustering": "ClusteringAAE",
    "dim_reduction": "DimReductionAAE",
}
WITHOUT_LABELS = ("unsupervised", "clustering")


def adam_for_each(
    players, adversary=True, others=1e-3, discriminator=2e-4, encoder=2e-4
):
    """Adam: fast for what reconstructs or classifies, slow for the game.

    A faster game destroys the reconstruction.
    """
    optimizers = {}
    for player in players:
        rate, beta_1 = others, 0.9
        if "discriminator" in player or player == "encoder":
            rate = encoder if player == "encoder" else discriminator
            rate, beta_1 = (rate if adversary else 0.0), 0.5
        optimizers[player] = keras.optimizers.Adam(rate, beta_1=beta_1)
    return optimizers


# In a plane, reconstruction at its usual rate drives the codes apart faster
# than the adversary brings them back.
adam_in_a_plane = functools.partial(
    adam_for_each, others=1e-4, discriminator=1e-4, encoder=1e-3
)


def descent_for_the_game(players):
    """Adam for what reconstructs, plain descent for the game.

    Under Adam, discriminators force all examples into one cluster.
    """
    return {
        player: keras.optimizers.SGD(0.01, momentum=0.1)
        if player == "encoder" or "discriminator" in player
        else keras.optimizers.Adam(1e-3)
        for player in players
    }


def falling_descent(players, adversary=True, *, rates, steps):
    """The paper's gradient descent, ten times slower at epochs 50 and 1000.

    Args:
        players: Names of the players.
        adversary: Boolean. Whether discriminators and encoder play.
        rates: Dictionary from a player to its first rate and its momentum.
        steps: Integer. The steps of an epoch.
    """
    optimizers = {}
    for player in players:
        rate, momentum = rates[player]
        if not adversary and (player == "encoder" or "discriminator" in player):
            rate = 0.0
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
            [50 * steps, 1000 * steps], [rate, rate / 10.0, rate / 100.0]
        )
        optimizers[player] = keras.optimizers.SGD(schedule, momentum=momentum)
    return optimizers


PRESETS = {
    "smoke": common.Preset(
        epochs=2,
        steps_per_epoch=30,
        batch_size=50,
        model={
            "hidden_units": (64, 64),
            "initial_std": None,
            "prior_std": 1.0,
        },
        optimizer=adam_for_each,
    ),
    "small": common.Preset(
        epochs=2,
        steps_per_epoch=600,
        batch_size=100,
        model={
            "hidden_units": (512, 512),
            "initial_std": None,
            "prior_std": 1.0,
        },
        optimizer=adam_for_each,
    ),
    "paper": common.Preset(
        epochs=1000, batch_size=100, model={}, dataset="mnist"
    ),
}


@dataclasses.dataclass
class Options(common.Options):
    """Trains an adversarial autoencoder."""

    variant: Literal[
        "unsupervised",
        "label_prior",
        "supervised",
        "semi_supervised",
        "clustering",
        "dim_reduction",
    ] = "unsupervised"
    """What the codes are to be and which labels are seen."""
    latent_dim: int | None = None
    """The size of the code. Defaults to the variant's, 8 for the first."""
    prior: str | None = None
    """normal, uniform, mixture or swiss_roll; the last two in a plane."""
    prior_std: float | None = None
    """The standard deviation of the normal prior. Defaults to 1, and for the
    paper's preset to the variant's, 5 for the first."""
    posterior: Literal["deterministic", "gaussian", "universal"] = (
        "deterministic"
    )
    """What the encoder makes of an example (unsupervised, label_prior)."""
    num_labels: int = 1000
    """Examples with labels, as many of each class, for the variants that
    learn from few."""


class SomeLabels(keras.utils.PyDataset):
    """Batches of which one half has labels and the other has none.

    What a batch holds is a function of the seed and of its number.

    Args:
        x: Array of examples.
        labels: Integer array.
        num_labels: Integer. The examples whose labels are used.
        batch_size: Integer.
        steps: Integer. The batches of an epoch.
        first_epoch: Integer.
        seed: Integer.
    """

    def __init__(self, x, labels, num_labels, batch_size, steps, first_epoch,
                 seed):  # fmt: skip
        super().__init__()
        self.x, self.labels = x, labels
        order = np.random.default_rng(seed).permutation(len(x))
        classes = np.unique(labels)
        share = num_labels // len(classes)
        self.known = np.concatenate(
            [order[labels[order] == c][:share] for c in classes]
        )
        self.batch_size, self.steps = batch_size, steps
        self.epoch, self.seed = first_epoch, seed

    def __len__(self):
        return self.steps

    def on_epoch_end(self):
        self.epoch += 1

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, self.epoch, index])
        half = self.batch_size // 2
        known = rng.choice(self.known, half)
        others = rng.integers(0, len(self.x), self.batch_size - half)
        labels = np.concatenate(
            [self.labels[known], np.full(len(others), -1)]
        ).astype("int32")
        return self.x[np.concatenate([known, others])], labels


def main(options: Options) -> None:
    supervised = options.variant == "supervised"
    presets = PRESETS
    quick = {
        "label_prior": {"epochs": 4, "optimizer": adam_in_a_plane},
        "clustering": {"epochs": 15, "optimizer": descent_for_the_game},
    }
    if options.variant in quick:
        small = dataclasses.replace(PRESETS["small"], **quick[options.variant])
        presets = {**PRESETS, "small": small}
    presets = {**presets, "paper": paper_preset(options)}
    run = common.Run(
        "aae",
        options,
        presets,
        features=("image", "label") if supervised else ("image",),
    )

    def build(**settings):
        if options.variant in ("unsupervised", "label_prior"):
            settings["posterior"] = options.posterior
        for name in ("latent_dim", "prior", "prior_std"):
            if getattr(options, name) is not None:
                settings[name] = getattr(options, name)
        if options.variant == "label_prior":
            settings.pop("prior_std", None)
        model_class = getattr(keras_gen, CLASSES[options.variant])
        return model_class(run.image_shape, **settings)

    model = run.model(build)
    model.summary()
    if options.variant not in (*WITHOUT_LABELS, "supervised"):
        x, labels = run.labelled("train", 60_000)
        run.data = SomeLabels(
            x,
            labels,
            options.num_labels,
            2 * run.options.batch_size,
            run.steps_per_epoch,
            run.initial_epoch,
            options.seed,
        )
    run.fit(model, columns=10, num=100)
    test, test_labels = run.labelled("test", 10_000)
    results = {}
    if options.variant == "unsupervised":
        results |= compared(run, model, build, test)
    elif hasattr(model, "classify"):
        counted, counted_labels = test, test_labels
        if options.variant == "clustering":
            # Some of the test examples name the clusters, the others count.
            model.label_clusters(*run.labelled("test[:20%]", 10_000))
            counted, counted_labels = run.labelled("test[20%:]", 10_000)
        wrong = model.classify(counted) != counted_labels
        results["classification_error"] = 100.0 * float(np.mean(wrong))
    results["squared_error"] = common.squared_error(
        test,
        model.reconstruct(test, test_labels)
        if supervised
        else model.reconstruct(test),
    )
    codes = model.encode(test)
    if not isinstance(codes, tuple | list) and codes.shape[1] == 2:
        callbacks.save_scatter(run.folder / "codes.png", codes, test_labels)
    run.finish(model, results)


def paper_preset(options):
    """The paper's preset, for the variant and the steps of an epoch."""
    preset = PRESETS["paper"]
    batch_size = options.batch_size or preset.batch_size
    return dataclasses.replace(
        preset,
        epochs=5000 if options.variant == "semi_supervised" else preset.epochs,
        optimizer=functools.partial(
            falling_descent,
            rates=getattr(keras_gen, CLASSES[options.variant]).rates,
            steps=options.steps_per_epoch or 60_000 // batch_size,
        ),
    )


def compared(run, model, build, test):
    """The codes against the prior, with the adversary and without it."""
    print("The same networks without the adversary:")
    optimizers = run.preset.optimizer(model.players, adversary=False)
    plain = run.control(build, optimizers)
    prior = keras.ops.convert_to_numpy(model.prior.sample(5000, seed=1))
    results = {}
    for name, trained in (("", model), ("plain_", plain)):
        codes = trained.encode(test[:5000])
        results[f"{name}discrepancy"] = metrics.maximum_mean_discrepancy(
            codes, prior, std=float(prior.std())
        )
        results[f"{name}code_std"] = float(codes.std())
        results[f"{name}squared_error"] = common.squared_error(
            test, trained.reconstruct(test)
        )
    return results


if __name__ == "__main__":
    main(common.parse(Options))
