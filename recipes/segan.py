"""Trains SEGAN to enhance noisy speech.

    KERAS_BACKEND=tensorflow python recipes/segan.py
    KERAS_BACKEND=jax python recipes/segan.py --dataset recordings \\
        --data-dir DIR
    KERAS_BACKEND=jax python recipes/segan.py --apply in.wav --to out.wav

It learns from synthetic voices in noise, or from your own wav files: those of
one name in the folders noisy and clean. In the pictures of samples are, side by
side, spectrograms of noisy, enhanced and clean windows, with low frequencies at
the bottom; the folder audio has them as wav files. The metrics are of held-out
windows: the segmental and the overall signal-to-noise ratio, in dB, of the
noisy and of the enhanced ones, and for synthetic voices the gain in each kind
of noise.
"""

import keras
import numpy as np

import _adversarial
import _apply
import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data, metrics
from keras_gen.data import SPEECH_NOISES

PRESETS = {
    "smoke": recipe.Preset(
        epochs=2,
        steps_per_epoch=5,
        batch_size=4,
        dataset="speech",
        image_size=None,
        length=1024,
    ),
    "small": recipe.Preset(
        epochs=12,
        steps_per_epoch=150,
        batch_size=16,
        dataset="speech",
        image_size=None,
        length=4096,
    ),
    "paper": recipe.Preset(
        epochs=86,
        batch_size=400,
        dataset="recordings",
        image_size=None,
        length=16_384,
    ),
}


def windows(run, features, limit):
    """Features of the first held-out windows."""
    batches = data.pipeline(
        run.load("test").take(limit),
        limit,
        features=features,
        shuffle=False,
        drop_remainder=False,
        repeat=False,
    )
    return next(batches.dataset.as_numpy_iterator())


def spectrograms(signals, size=128):
    """Levels of 80 dB as images in [-1, 1]."""
    starts = np.arange(0, signals.shape[1] - size + 1, size // 4)
    frames = signals[:, starts[:, None] + np.arange(size), 0]
    power = np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2
    levels = 10.0 * np.log10(power + 1e-9)
    levels = np.clip((levels + 60.0) / 80.0, 0.0, 1.0)
    return 2.0 * levels.transpose(0, 2, 1)[:, ::-1, :, None] - 1.0


def ratios(clean, processed):
    """Segmental and overall signal-to-noise ratios of each window."""
    pairs = list(zip(clean[..., 0], processed[..., 0], strict=True))
    return np.array(
        [
            (metrics.segmental_snr(*pair), metrics.overall_snr(*pair))
            for pair in pairs
        ]
    )


def quality(run, model, limit=200):
    """What the metrics say of held-out windows."""
    noisy, clean = windows(run, ("noisy", "clean"), limit)
    before, after = (
        ratios(clean, signals)
        for signals in (noisy, model.translate(noisy, seed=0, batch_size=32))
    )
    report = {}
    for name, found in (("noisy", before), ("enhanced", after)):
        segmental, overall = found.mean(axis=0)
        report[f"segmental_snr_{name}"] = float(segmental)
        report[f"overall_snr_{name}"] = float(overall)
    if run.options.dataset == "speech":
        kinds = windows(run, "noise", limit)
        gain = (after - before)[:, 1]
        for index, kind in enumerate(SPEECH_NOISES):
            of_kind = gain[kinds == index]
            report[f"snr_gain_{kind}"] = float(of_kind.mean())
    return report


def save_audio(folder, signals):
    """Writes windows as wav files."""
    folder.mkdir(exist_ok=True)
    for name, windows in signals.items():
        for index, window in enumerate(windows):
            data.write_wav(folder / f"{index}_{name}.wav", window[:, 0])


def apply(options):
    """Enhances wav files of any length."""
    model = _apply.trained("segan", options)
    for source, target in _apply.places(options, (".wav", ".wave"), ".wav"):
        signal = data.read_wav(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        data.write_wav(target, model.enhance(signal, seed=options.seed))
        print(target)


def main(options):
    if options.apply:
        return apply(options)
    run = recipe.start("segan", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.SEGAN.from_preset(
            options.preset,
            input_shape=(run.options.length, 1),
            **run.arguments,
        )
        # For thousands of steps; the paper's RMSprop is for many more.
        adam = _adversarial.at_rates(
            keras.optimizers.Adam(),
            discriminator=2e-4,
            generator=keras.optimizers.schedules.CosineDecay(
                1e-3, run.total_steps
            ),
        )
        run.compile(model, None if options.preset == "paper" else adam)
    model.summary()
    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        features=("noisy", "clean"),
        **run.order,
    )
    noisy, clean = windows(run, ("noisy", "clean"), 8)
    grid = callbacks.SampleGrid(
        run.folder / "samples",
        sampler=lambda model: tuple(
            map(spectrograms, (noisy, model.translate(noisy, seed=0), clean))
        ),
        columns=2,
    )
    model.fit(train.dataset, **run.length, callbacks=[grid, *run.callbacks()])
    enhanced = model.translate(noisy, seed=0)
    signals = {"noisy": noisy, "enhanced": enhanced, "clean": clean}
    save_audio(run.folder / "audio", signals)
    return run.finish(model, quality(run, model))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.SEGAN, _apply.Options)
