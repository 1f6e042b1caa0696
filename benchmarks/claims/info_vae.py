"""The MMD-VAE against the variational autoencoder of the same networks.

    python benchmarks/claims/info_vae.py --dataset mnist --data-dir DIR

The squared maximum mean discrepancy of the codes of test images from the prior,
the mutual information of codes and images, and the squared error of the
reconstructions. Images are binarized, but for `--gray`.
"""

import _claim
import _seeds
import keras

import keras_gen

recipe = _claim.recipe("info_vae")
NETWORKS = {
    "latent_dim": 10,
    "architecture": "mlp",
    "hidden_units": (512, 512),
    "activation": "relu",
    "kernel_initializer": "glorot_uniform",
}


def figures(model, x):
    """What the recipe says of a model's codes, and of what they keep."""
    return {
        **recipe.code_figures(model, x),
        "squared_error": _claim.squared_error(x, model.reconstruct(x)),
        "negative_elbo": -model.elbo(x)["elbo"].mean(),
    }


def main(arguments):
    table = _seeds.Table()
    x, _ = _seeds.test_images(arguments, binary=not arguments.gray)
    options = {"binarize": None if arguments.gray else "dynamic"}
    for seed in arguments.seeds:
        models = {
            "MMD-VAE": keras_gen.InfoVAE(
                lambda_=arguments.weight,
                kernel="inverse_multiquadric",
                seed=seed,
                **NETWORKS,
            ),
            "VAE": keras_gen.VAE(seed=seed, **NETWORKS),
        }
        for name, model in models.items():
            adam = keras.optimizers.Adam(1e-3)
            _seeds.fit(model, arguments, seed, 200, adam, **options)
            table.add(name, seed, **figures(model, x))
    table.show()


if __name__ == "__main__":
    parser = _seeds.parser(__doc__, epochs=5)
    parser.add_argument(
        "--weight", type=float, default=1000.0, help="that of the discrepancy"
    )
    parser.add_argument(
        "--gray", action="store_true", help="images are not binarized"
    )
    main(parser.parse_args())
