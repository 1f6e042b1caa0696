"""Runs SavedModels with TensorFlow alone. serve_all.py FOLDER"""

import pathlib
import sys

FORBIDDEN = ("keras_gen", "jax", "torch")


class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in FORBIDDEN:
            raise ImportError(f"{name} is not installed here")


def main(folder):
    sys.meta_path.insert(0, Refuse())
    import numpy as np
    import tensorflow as tf

    for target in sorted(folder.iterdir()):
        served = tf.saved_model.load(str(target / "1"))
        arrays = np.load(target / "answers.npz")
        worst = 0.0
        cases = sorted({tuple(key.split("/")[:2]) for key in arrays})
        for signature, size in cases:
            place = f"{signature}/{size}"
            inputs = {
                key.split("/")[-1]: tf.constant(arrays[key])
                for key in arrays
                if key.startswith(f"{place}/input/")
            }
            outputs = served.signatures[signature](**inputs)
            expected = {
                key.split("/")[-1]: arrays[key]
                for key in arrays
                if key.startswith(f"{place}/output/")
            }
            assert sorted(outputs) == sorted(expected)
            for key, value in expected.items():
                difference = np.abs(outputs[key].numpy() - value).max()
                worst = max(worst, difference)
        print("served", target.name, len(cases), worst, flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
