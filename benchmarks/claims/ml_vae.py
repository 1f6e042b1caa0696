"""What content and style hold, with and without the groups.

    python benchmarks/claims/ml_vae.py --dataset mnist --data-dir DIR

A class is a group. The control has the same networks, and every example is a
group of its own. Errors are those of linear classifiers of standardized codes:
of the content of 25 test images of a class together and of each alone, and of
the style. For the swaps, a classifier of digits says how often the content of
one image, or of 25, with the style of another is of the class of the first:
a large style has room for the class, a small one has not.
"""

import itertools

import _claim
import _seeds
import numpy as np
import tensorflow as tf

import keras_gen
from keras_gen import metrics


def groups_of(labels, size=25):
    """Groups of several examples of one class."""
    order = np.argsort(labels, kind="stable")
    groups = np.empty(len(labels), "int32")
    groups[order] = np.arange(len(labels)) // size + 1000 * labels[order]
    return groups


def probe(codes, labels):
    """The error of a half's codes, by a probe of the other's."""
    half = len(codes) // 2
    codes = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    return metrics.linear_probe(
        codes[:half], labels[:half], codes[half:], labels[half:], epochs=20
    )


def figures(model, x, y, classifier):
    content, style = model.content_and_style(model.encode(x))
    together = model.contents(x, groups_of(y))
    few = np.concatenate([np.flatnonzero(y == c)[:25] for c in range(10)])
    first = np.unique(y[few], return_index=True)[1]
    swaps = {
        "swaps": model.swap(x[:100], x[100:200]),
        "swaps_of_25": model.swap(x[few], x[-100:], groups=y[few])[first],
    }
    classes = {"swaps": y[:100], "swaps_of_25": np.arange(10)}
    right = {}
    for name, images in swaps.items():
        flat = np.clip(images.reshape(-1, *x.shape[1:]), 0.0, 1.0)
        found = classifier(flat).argmax(axis=1).reshape(images.shape[:2])
        same = found == classes[name][:, None]
        right[f"{name}_of_the_contents_class"] = same.mean()
    return {
        **right,
        "content_of_25_error": probe(together, y),
        "content_error": probe(content, y),
        "style_error": probe(style, y),
        "squared_error": _claim.squared_error(x, model.reconstruct(x)),
    }


def main(arguments):
    table = _seeds.Table()
    x, y = _seeds.test_images(arguments, binary=False)
    extractor = metrics.DigitsClassifier.get(
        arguments.dataset, arguments.data_dir
    )

    def classifier(images):
        return extractor.logits(images)

    def alone(images, labels):
        return images, tf.range(tf.shape(labels)[0])

    options = {"binarize": None, "features": ("image", "label")}
    pairs = itertools.product(arguments.seeds, arguments.style_dims)
    for seed, style_dim in pairs:
        for name, change in (("ML-VAE", None), ("groups of one", alone)):
            model = keras_gen.MLVAE(latent_dim=10 + style_dim, seed=seed)
            _seeds.fit(model, arguments, seed, 256, change=change, **options)
            name = f"{name}, style of {style_dim}"
            table.add(name, seed, **figures(model, x, y, classifier))
    table.show()


if __name__ == "__main__":
    parser = _seeds.parser(__doc__, epochs=5)
    parser.add_argument("--style-dims", type=int, nargs="+", default=(10, 2))
    main(parser.parse_args())
