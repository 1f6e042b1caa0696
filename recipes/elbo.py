"""Trains a variational autoencoder, and traces its rate-distortion curve.

    KERAS_BACKEND=jax python recipes/elbo.py
    KERAS_BACKEND=jax python recipes/elbo.py --model.target-rate 20
    KERAS_BACKEND=jax python recipes/elbo.py --betas 0.25 0.5 2 4 8

Each use of an image binarizes it, with its brightness as the probability. The
metrics take the rate of test images apart. From the trained model on, further
ones are trained with other weights of the rate: `curve.csv` has their rates and
distortions, `curve.png` the curve.
"""

import csv
import dataclasses

from matplotlib.figure import Figure

import _recipe as recipe
import _variational
import keras_gen
from keras_gen import data, metrics

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=30, batch_size=100),
    "small": recipe.Preset(epochs=5, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=200, batch_size=100, dataset="mnist"),
}


@dataclasses.dataclass
class Options(_variational.Options):
    """Trains a variational autoencoder of a chosen rate."""

    betas: tuple[float, ...] = (0.25, 0.5, 2.0, 4.0)
    """The weights of the rate of the other models of the curve."""
    curve_epochs: int | None = None
    """The epochs of each of them. Defaults to half of all."""


def surgery(model, test):
    """What the rate of test images is made of."""

    parts = metrics.elbo_decomposition(
        *_variational.posterior_parameters(model, test)
    )
    active = metrics.active_units(model.encode(test))
    rate = model.elbo(test)["kl_divergence"].mean()
    report = {
        "rate": rate,
        "mutual_information": parts.mutual_information,
        "marginal_kl": rate - parts.mutual_information,
        "log_examples": parts.log_num_reference,
        "active_units": active.count,
    }
    if model.marginal == "normal":
        report["total_correlation"] = parts.total_correlation
        report["dimension_wise_kl"] = parts.dimension_wise_kl
    return report


def point(model, test):
    """The rate and the distortion of test images."""
    parts = model.elbo(test)
    return (
        float(parts["kl_divergence"].mean()),
        float(-parts["log_likelihood"].mean()),
    )


def trace(run, model, train, test):
    """Trains the other models of the curve, and draws it."""
    path, points = run.folder / "curve.csv", {}
    if run.options.resume and path.exists():
        with path.open() as file:
            rows = csv.DictReader(file)
            points = {
                float(row["beta"]): (
                    float(row["rate"]),
                    float(row["distortion"]),
                )
                for row in rows
            }
    points[float(model.beta)] = point(model, test)
    for beta in run.options.betas:
        if beta in points:
            continue
        changes = {"beta": beta, "target_rate": None}
        twin = type(model).from_config({**model.get_config(), **changes})
        twin.set_weights(model.get_weights())
        run.compile(twin)
        print(f"Another model of the curve: beta={beta:g}")
        twin.fit(
            train,
            epochs=run.options.curve_epochs or max(1, run.epochs // 2),
            steps_per_epoch=run.steps_per_epoch,
        )
        points[beta] = point(twin, test)
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("beta", "rate", "distortion"))
            writer.writerows((b, *points[b]) for b in sorted(points))
    return points


def save_curve(path, points):
    """Draws the distortions over the rates, and the convex hull."""
    ordered = [points[beta] for beta in sorted(points)]
    curve = metrics.rate_distortion_curve(ordered)
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(curve.rates, curve.distortions, "o")
    axes.plot(curve.rates[curve.hull], curve.distortions[curve.hull], "-")
    for beta, (rate, distortion) in points.items():
        axes.annotate(f" {beta:g}", (rate, distortion))
    axes.set(xlabel="rate (nats)", ylabel="distortion (nats)")
    figure.savefig(path)


def report(run, model, test):
    """The surgery of the model, and the curve of others."""
    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        value_range=model.value_range,
        binarize=_variational.binarized(model),
        **run.order,
    )
    found = surgery(model, test)
    if model.target_rate is None and run.options.betas:
        points = trace(run, model, train.dataset, test)
        save_curve(run.folder / "curve.png", points)
        for beta in sorted(points):
            rate, distortion = points[beta]
            print(f"beta={beta:g}: R={rate:.2f}, D={distortion:.2f}")
    return found


def main(options):
    _variational.main("elbo", options, PRESETS, report=report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.RateDistortionVAE, Options)
