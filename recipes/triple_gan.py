"""Trains a Triple-GAN with few labels.

    KERAS_BACKEND=tensorflow python recipes/triple_gan.py
    KERAS_BACKEND=tensorflow python recipes/triple_gan.py --num-labels 1000

In the grids of samples, each column is of a class. The metrics have the error
on test images. As in the official code, the discriminator takes unlabeled
images for real pairs, too. The paper's run is on MNIST with 100 labels.
"""

import _adversarial
import _recipe as recipe
import keras_gen

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=15, batch_size=50),
    "small": recipe.Preset(epochs=50, steps_per_epoch=100, batch_size=200),
    "paper": recipe.Preset(epochs=1000, batch_size=200, dataset="mnist"),
}


def main(options):
    run = recipe.start("triple_gan", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.TripleGAN.from_preset(
            options.preset,
            image_shape=run.image_shape,
            **{
                "num_classes": run.num_classes(),
                # Few labels alone are soon known to the discriminator.
                "pseudo_real": True,
                **run.arguments,
            },
        )
        run.compile(model)
    model.summary()
    _adversarial.fit(run, model)
    report = _adversarial.classification_error(run, model)
    run.finish(model, {**report, **run.sample_quality(model)})


if __name__ == "__main__":
    recipe.cli(main, keras_gen.TripleGAN, _adversarial.FewLabels)
