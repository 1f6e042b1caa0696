"""The conditional VAE against a network that predicts without latents.

    python benchmarks/claims/cvae.py --dataset mnist --data-dir DIR

Of binarized images, the quadrant at the bottom left is visible. The control is
the generation network of the input alone, trained by the same likelihood for
as many epochs; the third model is a Gaussian stochastic neural network, without
a recognition network. All figures are of the hidden pixels of test images.
"""

import _claim
import _seeds
import keras
import numpy as np

import keras_gen

SHAPE = (28, 28, 1)
cvae = _claim.recipe("cvae")


def main(arguments):
    table = _seeds.Table()
    mask = cvae.hidden_pixels(SHAPE, 1)
    networks = {"output_mask": mask, "latent_dim": 50}

    def condition(images):
        return images * (1.0 - mask) + cvae.HIDDEN * mask, images

    x, y = condition(_seeds.test_images(arguments)[0])
    few = x[:1000], y[:1000]
    for seed in arguments.seeds:
        models = {
            "CVAE": keras_gen.CVAE(seed=seed, **networks),
            "GSNN": keras_gen.CVAE(seed=seed, hybrid_weight=0.0, **networks),
            "network without latents": keras_gen.CVAE(
                seed=seed,
                hybrid_weight=0.0,
                conditional_prior=False,
                generation_net=without_latents(),
                **networks,
            ),
        }
        for name, model in models.items():
            adam = keras.optimizers.Adam(1e-3)
            _seeds.fit(model, arguments, seed, 100, adam, condition)
            inferred = model.recognition_net is not None
            log_p = model.conditional_log_likelihood(
                *few,
                num_samples=100,
                method="importance" if inferred else "monte_carlo",
            )
            logs = model.evaluate(x, y, batch_size=500, verbose=0)
            table.add(
                name,
                seed,
                loss=np.ravel(logs)[0],
                negative_log_likelihood=-log_p.mean(),
            )
    table.show()


def without_latents():
    """A network whose outputs do not depend on `z`."""
    x, z = keras.Input(SHAPE), keras.Input((50,))
    h = keras.layers.Flatten()(x)
    for _ in range(2):
        h = keras.layers.Dense(500, activation="relu")(h)
    h = keras.layers.Dense(28 * 28)(h)
    return keras.Model([x, z], keras.layers.Reshape(SHAPE)(h))


if __name__ == "__main__":
    main(_seeds.parser(__doc__, epochs=3).parse_args())
