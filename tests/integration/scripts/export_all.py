"""Exports all models, and writes what they answer to batches of 1 and 7.

export_all.py FOLDER
"""

import pathlib
import sys

import keras
import numpy as np
import tiny

from keras_gen import serving


def main(folder):
    for name in tiny.SETTINGS:
        model = tiny.build(name)
        target = folder / f"{name}_{keras.backend.backend()}"
        serving.export(model, target / "1")
        assert serving.verify(model, target / "1") < 1e-5
        rng = np.random.default_rng(0)
        arrays = {}
        for signature_name, signature in model.signatures().items():
            for size in (1, 7):
                inputs = {
                    key: rng.uniform(size=(size, *shape[1:])).astype("float32")
                    for key, shape in signature.inputs.items()
                }
                outputs = model.run_batched(signature.fn, *inputs.values())
                if not isinstance(outputs, list | tuple):
                    outputs = [outputs]
                place = f"{signature_name}/{size}"
                for key, value in inputs.items():
                    arrays[f"{place}/input/{key}"] = value
                for key, value in zip(signature.outputs, outputs, strict=True):
                    arrays[f"{place}/output/{key}"] = value
        np.savez(target / "answers.npz", **arrays)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
