"""The small runs on MNIST whose figures stand in RESULTS.md.

    KERAS_BACKEND=jax python benchmarks/mnist.py --models dcgan --seeds 0 1 2

It trains with the settings of the recipes' small presets, from images in
memory, and so needs no TensorFlow: on another machine, such as one with a
GPU, give it `--images mnist.npz`, written here by `--write-images mnist.npz`,
and the cache of the digits classifier (KERAS_GEN_CACHE).
"""

import argparse
import json
import pathlib
import time

import keras
import numpy as np

import keras_gen
from keras_gen import callbacks, metrics


class Batches(keras.utils.PyDataset):
    """Random batches; the images of a variational model are binarised."""

    def __init__(self, images, batch_size, steps, seed, binarize, value_range):
        super().__init__()
        self.images, self.batch_size, self.steps = images, batch_size, steps
        self.binarize, (self.low, self.high) = binarize, value_range
        self.rng = np.random.default_rng(seed)
        self.order, self.position = self.rng.permutation(len(images)), 0

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        if self.position + self.batch_size > len(self.order):
            self.order = self.rng.permutation(len(self.images))
            self.position = 0
        rows = self.order[self.position : self.position + self.batch_size]
        self.position += self.batch_size
        x = self.images[rows].astype("float32") / 255.0
        if self.binarize:
            x = (self.rng.random(x.shape, dtype="float32") < x).astype(x.dtype)
        return (self.low + x * (self.high - self.low),)


def vae(seed):
    model = keras_gen.VAE(
        latent_dim=20, kernel_initializer="glorot_uniform", seed=seed
    )
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=JIT)
    return model


def ladder_vae(seed):
    model = keras_gen.LadderVAE(
        latent_dims=(32, 16, 8),
        hidden_dims=(256, 128, 64),
        warmup_epochs=3,
        seed=seed,
    )
    model.compile(jit_compile=JIT)
    return model


def dcgan(seed):
    model = keras_gen.DCGAN((28, 28, 1), base_filters=32, seed=seed)
    model.compile(jit_compile=JIT)
    return model


def wgan_gp(seed):
    model = keras_gen.WGANGP(
        (28, 28, 1), architecture="conv", width=32, seed=seed
    )
    model.compile(jit_compile=JIT)
    return model


# model: build, examples in a step, steps in an epoch, epochs, range
RUNS = {
    "vae": (vae, 100, 600, 5, None),
    "ladder_vae": (ladder_vae, 100, 600, 10, None),
    "dcgan": (dcgan, 64, 300, 10, (-1.0, 1.0)),
    "wgan_gp": (wgan_gp, 5 * 50, 200, 10, (0.0, 1.0)),
}
JIT = "auto"


def run(name, seed, images, test_images, epochs, folder):
    build, batch_size, steps, default_epochs, value_range = RUNS[name]
    epochs = epochs or default_epochs
    keras.utils.set_random_seed(seed)
    model = build(seed)
    batches = Batches(
        images, batch_size, steps, seed, not value_range, value_range or (0, 1)
    )
    start = time.perf_counter()
    history = model.fit(batches, epochs=epochs, verbose=0).history
    seconds = time.perf_counter() - start
    results = {
        "model": name,
        "seed": seed,
        "backend": keras.backend.backend(),
        "epochs": epochs,
        "seconds": round(seconds, 1),
        "logs": {key: round(values[-1], 4) for key, values in history.items()},
    }
    if value_range:
        report = metrics.evaluate_generator(
            model,
            test_images.astype("float32") / 255.0,
            metrics.DigitsClassifier.get("mnist"),
            value_range=value_range,
            real_value_range=(0.0, 1.0),
        )
        keep = (
            "inception_score",
            "inception_score_real",
            "min_class_share",
            "frechet_distance",
            "frechet_distance_floor",
        )
        results.update({key: report[key] for key in keep})
    else:
        grey = test_images.astype("float32") / 255.0
        rng = np.random.default_rng(0)
        x = (rng.uniform(size=grey.shape) < grey).astype("float32")
        parts = model.elbo(x)
        results["negative_elbo"] = float(-parts["elbo"].mean())
        results["kl_divergence"] = float(parts["kl_divergence"].mean())
        for draws in (1, 10, 100):
            bound = model.log_likelihood(x[:1000], draws)
            results[f"nll_{draws}_of_1000"] = float(-bound.mean())
        if name == "ladder_vae":
            divergences = model.layer_divergences(x[:2000])
            results["layer_divergences"] = divergences.tolist()
    samples = model.sample(64, seed=0)
    picture = callbacks.image_grid(samples, value_range=value_range or (0, 1))
    callbacks.save_image(folder / f"{name}_{seed}.png", picture)
    return results


def load_images(path):
    if path:
        with np.load(path) as arrays:
            return arrays["train"], arrays["test"]
    from keras_gen import data

    def images(split):
        dataset = data.load("mnist", split).batch(10_000)
        return np.concatenate([x["image"] for x in dataset.as_numpy_iterator()])

    return images("train"), images("test")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(RUNS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--images", help="npz with train and test images")
    parser.add_argument("--write-images", help="write that npz, and end")
    parser.add_argument("--jit-compile", action="store_true")
    parser.add_argument("--output-dir", default="runs/mnist")
    options = parser.parse_args()
    global JIT
    JIT = True if options.jit_compile else "auto"
    train, test = load_images(options.images)
    if options.write_images:
        np.savez_compressed(options.write_images, train=train, test=test)
        return
    folder = pathlib.Path(options.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for name in options.models:
        for seed in options.seeds:
            result = run(name, seed, train, test, options.epochs, folder)
            result = json.dumps(
                result,
                default=float,
            )
            print(result, flush=True)
            with open(folder / "results.jsonl", "a") as file:
                file.write(result + "\n")


if __name__ == "__main__":
    main()
