"""A sparse autoencoder against the same network without sparsity.

    python recipes/sae.py --dataset mnist --data-dir DIR
    python benchmarks/claims/sae.py --run runs/sae

Also for runs of `--variant k_sparse`, whose control keeps all units. The probe
errors are those of a softmax on the codes, and on the pixels, in percent.
"""

import _claim as claim

import keras_gen


def figures(run, model):
    dense = {"sparsity_weight": 0.0}
    if isinstance(model, keras_gen.KSparseAE):
        dense = {"k": model.latent_dim}
    control = claim.control(run, model, claim.images(run), **dense)
    test = run.images("test")
    found = {"pixel_probe_error": claim.probe_error(run, lambda x: x)}
    for name, trained in (("", model), ("dense_", control)):
        codes, reconstruction = trained.encode(test), trained.reconstruct(test)
        found |= {
            f"{name}squared_error": claim.squared_error(test, reconstruction),
            f"{name}mean_activation": codes.mean(),
            f"{name}active_fraction": (abs(codes) > 0.05).mean(),
            f"{name}probe_error": claim.probe_error(run, trained.encode),
        }
    return found


if __name__ == "__main__":
    run, model = claim.opened(claim.parser(__doc__).parse_args().run)
    claim.write(run, figures(run, model))
