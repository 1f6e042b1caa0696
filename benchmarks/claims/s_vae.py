"""The hyperspherical against the normal latent space.

    python benchmarks/claims/s_vae.py --dataset mnist --data-dir DIR

The same networks with as many latents: a sphere of `d` dimensions against the
normal posterior in `d`. Bounds are those of binarized test images.
"""

import _seeds
import keras

import keras_gen

NETWORKS = {
    "hidden_units": (256, 128),
    "activation": "relu",
    "kernel_initializer": "glorot_uniform",
}


def main(arguments):
    table = _seeds.Table()
    x, _ = _seeds.test_images(arguments)
    for seed in arguments.seeds:
        for d in arguments.dimensions:
            models = {
                f"S-VAE, d={d}": keras_gen.SVAE(
                    latent_dim=d + 1, warmup_epochs=0, seed=seed
                ),
                f"N-VAE, d={d}": keras_gen.VAE(
                    latent_dim=d, seed=seed, **NETWORKS
                ),
            }
            for name, model in models.items():
                adam = keras.optimizers.Adam(1e-3)
                _seeds.fit(model, arguments, seed, 100, adam)
                parts = model.elbo(x)
                bound = model.log_likelihood(x[:1000], num_samples=100)
                table.add(
                    name,
                    seed,
                    negative_elbo=-parts["elbo"].mean(),
                    kl_divergence=parts["kl_divergence"].mean(),
                    negative_bound_100=-bound.mean(),
                )
    table.show()


if __name__ == "__main__":
    parser = _seeds.parser(__doc__, epochs=6)
    parser.add_argument("--dimensions", type=int, nargs="+", default=(2, 5))
    main(parser.parse_args())
