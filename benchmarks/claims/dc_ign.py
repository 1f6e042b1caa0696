"""An inverse graphics network against a plain variational autoencoder.

    python recipes/dc_ign.py
    python benchmarks/claims/dc_ign.py --run runs/dc_ign

The control is the same network, trained on the same images with all groups
active: its first latents stand for nothing in particular. The figures, on heads
of identities that training does not show, are the correlations of the groups
with their factors, the squared error, and how much inactive latents change
while one factor varies: the standard deviation within a batch over that across
all images, the mean over the latents in use (of a tenth of the widest spread or
more) and over batches. A factor whose group has the only latents in use is left
out.
"""

import _claim as claim
import numpy as np

from keras_gen import data

recipe = claim.recipe("dc_ign")


def figures(run, model, count):
    batches = recipe.batches(run).map(lambda x, varying: (x, 0 * varying - 1))
    plain = claim.control(run, model, batches)
    size = run.options.image_size
    images, factors = recipe.held_out_heads(size, 2000)
    found = {}
    for name, trained in (("", model), ("plain_", plain)):
        correlations = trained.factor_correlations(images, factors)
        changes = inactive_changes(trained, images, size, count)
        for factor, value in correlations.items():
            found[f"{name}{factor}_correlation"] = value
        for factor, value in changes.items():
            found[f"{name}{factor}_inactive_change"] = value
        found[f"{name}squared_error"] = claim.squared_error(
            images, trained.reconstruct(images)
        )
    return found


def inactive_changes(model, images, size, count):
    """How much inactive latents change, by the factor that varies."""
    names = list(model.groups)
    spread = model.encode(images).std(axis=0)
    used = spread > 0.1 * spread.max()
    found = {name: [] for name in names}
    batches = data.one_factor_batches(
        20,
        ratio=dict.fromkeys(data.LIT_HEAD_FACTORS, 1.0),
        image_size=size,
        split="test",
        seed=1,
    )
    for x, varying in batches.take(count).as_numpy_iterator():
        name = names[varying[0]]
        inactive = used.copy()
        inactive[model.group_slice(name)] = False
        if inactive.any():
            within = model.encode(x).std(axis=0)
            found[name].append((within[inactive] / spread[inactive]).mean())
    return {
        name: float(np.mean(values)) for name, values in found.items() if values
    }


if __name__ == "__main__":
    parser = claim.parser(__doc__)
    parser.add_argument(
        "--batches", type=int, default=200, help="batches of one factor"
    )
    arguments = parser.parse_args()
    run, model = claim.opened(arguments.run)
    claim.write(run, figures(run, model, arguments.batches))
