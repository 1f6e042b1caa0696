"""The MMD-VAE against the variational autoencoder of the same networks.

    python benchmarks/claims/info_vae.py --dataset mnist --data-dir DIR

The squared maximum mean discrepancy of the codes of test images from the prior,
the mutual information of codes and images, and the squared error of the
reconstructions.
"""

import _claim
import _seeds
import keras
import numpy as np

import keras_gen
from keras_gen import metrics

NETWORKS = {
    "latent_dim": 10,
    "architecture": "mlp",
    "hidden_units": (512, 512),
    "activation": "relu",
    "kernel_initializer": "glorot_uniform",
}


def figures(model, x):
    """What is said of a model's codes of test images."""

    def posterior(x):
        q = model.posterior(x)
        return q.mean, q.log_variance

    mean, log_variance = model.run(posterior, x)
    noise = np.random.default_rng(0).standard_normal((2, *mean.shape))
    codes = mean + np.exp(0.5 * log_variance) * noise[0]
    parts = metrics.elbo_decomposition(mean, log_variance)
    return {
        "maximum_mean_discrepancy": metrics.maximum_mean_discrepancy(
            codes[:5000], noise[1, :5000]
        ),
        "largest_mean": np.abs(codes.mean(axis=0)).max(),
        "smallest_deviation": codes.std(axis=0).min(),
        "largest_deviation": codes.std(axis=0).max(),
        "mutual_information": parts.mutual_information,
        "squared_error": _claim.squared_error(x, model.reconstruct(x)),
        "negative_elbo": -model.elbo(x)["elbo"].mean(),
    }


def main(arguments):
    table = _seeds.Table()
    x, _ = _seeds.test_images(arguments)
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
            _seeds.fit(model, arguments, seed, 200, adam)
            table.add(name, seed, **figures(model, x))
    table.show()


if __name__ == "__main__":
    parser = _seeds.parser(__doc__, epochs=5)
    parser.add_argument(
        "--weight", type=float, default=1000.0, help="that of the discrepancy"
    )
    main(parser.parse_args())
