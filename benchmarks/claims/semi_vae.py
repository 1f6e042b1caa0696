"""M1+M2 with few labels, against the same classifier trained on these alone.

    python benchmarks/claims/semi_vae.py --dataset mnist --data-dir DIR

Errors on test images, in percent. M1 is trained once for each seed; the control
is the classifier of M2, trained on the mean codes of the labeled images. The
paper trains for thousands of epochs.
"""

import _seeds
import keras
import numpy as np

import keras_gen
from keras_gen import data, metrics


def error(classes, labels):
    return 100.0 * float(np.mean(classes != labels))


def supervised_error(codes, labels, test_codes, test_labels, seed):
    """The error of a classifier of the labeled codes alone."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.layers.Dense(300, activation="softplus"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(codes, labels, batch_size=len(codes), epochs=300, verbose=0)
    found = model.predict(test_codes, batch_size=1000, verbose=0)
    return error(found.argmax(axis=1), test_labels)


def main(arguments):
    table = _seeds.Table()
    x, y = _seeds.images(arguments, "train")
    test, test_labels = _seeds.images(arguments, "test")
    for seed in arguments.seeds:
        m1 = keras_gen.VAE(
            latent_dim=50,
            hidden_units=(500, 500),
            activation="softplus",
            kernel_initializer="glorot_uniform",
            seed=seed,
        )
        _seeds.fit(m1, arguments, seed, 100, keras.optimizers.Adam(1e-3))
        codes = m1.encode(x)
        used = np.flatnonzero(metrics.active_units(codes).active)
        batch = 600
        fraction = max(arguments.num_labels / len(x), 1.0 / batch)
        train = data.partly_labeled(
            x,
            y,
            arguments.num_labels,
            batch,
            labeled_fraction=fraction,
            steps_per_epoch=arguments.steps or 100,
            seed=seed,
        )
        known = data.choose_labeled(y, arguments.num_labels, seed)
        model = keras_gen.SemiVAE(
            hidden_units=300,
            initial_std=None,
            features=m1,
            feature_dims=tuple(used),
            labeled_fraction=fraction,
            seed=seed,
        )
        model.compile(keras.optimizers.Adam(1e-3))
        model.fit(
            train.dataset,
            epochs=arguments.m2_epochs,
            steps_per_epoch=train.steps_per_epoch,
            verbose=2,
        )
        table.add(
            "M1+M2",
            seed,
            classification_error=error(model.classify(test), test_labels),
            used_latents=len(used),
        )
        alone = supervised_error(
            codes[known][:, used],
            y[known],
            m1.encode(test)[:, used],
            test_labels,
            seed,
        )
        table.add("labeled codes alone", seed, classification_error=alone)
    table.show()


if __name__ == "__main__":
    parser = _seeds.parser(__doc__, epochs=8)
    parser.add_argument("--num-labels", type=int, default=100)
    parser.add_argument(
        "--m2-epochs", type=int, default=25, help="of 100 steps each"
    )
    main(parser.parse_args())
