"""Trains a semi-supervised GAN by the improved techniques.

    KERAS_BACKEND=jax python recipes/improved_gan.py
    KERAS_BACKEND=jax python recipes/improved_gan.py --num-labels 1000

Half of each batch has labels, drawn from the few that are kept; the rest is
drawn from all images. The metrics have the error of the classifier on test
images, in percent. The paper's run is on MNIST, with 100 labels.
"""

import _adversarial
import _recipe as recipe
import keras_gen

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=30, batch_size=100),
    "small": recipe.Preset(epochs=30, steps_per_epoch=300, batch_size=200),
    "paper": recipe.Preset(
        epochs=300, steps_per_epoch=600, batch_size=200, dataset="mnist"
    ),
}


def main(options):
    run = recipe.start("improved_gan", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.ImprovedGAN.from_preset(
            options.preset,
            image_shape=run.image_shape,
            **{"num_classes": run.num_classes(), **run.arguments},
        )
        model.initialize_from(run.images("train", 500, model.value_range))
        # With the official code's rate, 3e-3, of both players, samples
        # collapse, and may take many thousands of steps to spread again.
        adam = _adversarial.at_rates(
            model.default_optimizer(), discriminator=3e-3, generator=3e-4
        )
        run.compile(model, None if options.preset == "paper" else adam)
    model.summary()
    _adversarial.fit(run, model)
    report = _adversarial.classification_error(run, model)
    run.finish(model, {**report, **run.sample_quality(model)})


if __name__ == "__main__":
    recipe.cli(main, keras_gen.ImprovedGAN, _adversarial.FewLabels)
