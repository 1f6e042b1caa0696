"""Disentangled codes of sprites, against the variational autoencoder's.

    python benchmarks/claims/disentanglement.py

Every model has the small preset's networks, Adam at 1e-3 and the same batches;
FactorVAE halves each. The control has neither a weight nor a further term. The
likelihood of 32x32 pixels is a quarter of that of the papers' images, so that
their weights of the beta-TCVAE and the DIP-VAE would be four times as strong;
here they are smaller. The scores are those of `metrics.disentanglement_report`;
in the pictures, the latents of one image are ordered by their KL divergence.
"""

import pathlib

import _claim
import _seeds
import keras
import numpy as np

import _disentangled
import keras_gen
from keras_gen import data

IMAGE_SIZE = 32
MODELS = {
    "vae": (keras_gen.BetaVAE, dict(objective="H", beta=1.0)),
    "beta_vae": (keras_gen.BetaVAE, dict(objective="H", beta=4.0)),
    "factor_vae": (keras_gen.FactorVAE, dict(gamma=10.0)),
    "beta_tcvae": (keras_gen.BetaTCVAE, dict(beta=2.0, sampling="mss")),
    "dip_vae": (keras_gen.DIPVAE, dict(variant="ii", lambda_od=1.0)),
}
SCORES = (
    "factor_vae",
    "beta_vae",
    "mig_sampled",
    "sap_continuous",
    "dci_disentanglement",
    "gaussian_total_correlation",
)


def optimizers(model):
    """Adam at one rate for the autoencoder; each other player's own."""
    adam = keras.optimizers.Adam(1e-3)
    if len(model.players) == 1:
        return adam
    return {**model.default_optimizers(), "model": adam}


def figures(model, folder):
    report = _disentangled.disentanglement(model, IMAGE_SIZE)
    sprites = data.sprite_factor_data(IMAGE_SIZE)
    x = sprites.images(sprites.sample_factors(2000, np.random.default_rng(0)))
    report.save_pictures(folder)
    _disentangled.save_traversals(folder / "traversals_by_kl.png", model, x)
    parts = model.elbo(x)
    return {
        **{name: report.scores[name] for name in SCORES},
        "active": int((model.dimension_divergences(x) > 0.1).sum()),
        "kl_divergence": parts["kl_divergence"].mean(),
        "squared_error": _claim.squared_error(x, model.reconstruct(x)),
    }


def main(arguments):
    table = _seeds.Table()
    for seed in arguments.seeds:
        for name in arguments.models:
            cls, changes = MODELS[name]
            if cls is keras_gen.BetaTCVAE:
                examples = _seeds.loaded(arguments, "train")
                changes = {**changes, "num_examples": len(examples)}
            model = cls.from_preset(
                "small",
                input_shape=(IMAGE_SIZE, IMAGE_SIZE, 1),
                seed=seed,
                **changes,
            )
            options = {"binarize": None, "image_size": IMAGE_SIZE}
            adam = optimizers(model)
            _seeds.fit(model, arguments, seed, 128, adam, **options)
            folder = arguments.output_dir / f"{name}_{seed}"
            table.add(name, seed, **figures(model, folder))
    table.show()


if __name__ == "__main__":
    parser = _seeds.parser(__doc__, epochs=20)
    parser.set_defaults(dataset="sprites", steps=500)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument(
        "--output-dir",
        type=pathlib.Path,
        default=pathlib.Path("runs/claims/disentanglement"),
        help="where the pictures go",
    )
    main(parser.parse_args())
