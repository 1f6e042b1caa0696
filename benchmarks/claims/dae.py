"""A denoising autoencoder against the same network trained without noise.

    python recipes/dae.py --dataset mnist --data-dir DIR
    python benchmarks/claims/dae.py --run runs/dae

Squared errors are those of clean and of denoised test images; probe errors are
those of a softmax on the codes, in percent. Of a run of `--variant stacked`,
the figures are the test errors of the classifier, in percent, with the
pretraining and without it.
"""

import _claim as claim

import keras_gen


def figures(run, model):
    if isinstance(model, keras_gen.StackedDAE):
        return claim.stacked(run, model)
    plain = claim.control(run, model, claim.images(run), noise_level=0.0)
    test = run.images("test")
    noisy = claim.untrained(model, seed=1).corrupt(test)
    found = {"noisy_squared_error": claim.squared_error(test, noisy)}
    for name, trained in (("", model), ("plain_", plain)):
        clean, denoised = trained.reconstruct(test), trained.denoise(noisy)
        found |= {
            f"{name}squared_error": claim.squared_error(test, clean),
            f"{name}denoised_squared_error": claim.squared_error(
                test, denoised
            ),
            f"{name}probe_error": claim.probe_error(run, trained.encode),
        }
    return found


if __name__ == "__main__":
    run, model = claim.opened(claim.parser(__doc__).parse_args().run)
    claim.write(run, figures(run, model))
