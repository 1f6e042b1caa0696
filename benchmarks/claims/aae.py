"""The codes of an adversarial autoencoder against its prior.

    python recipes/aae.py --dataset mnist --data-dir DIR
    python benchmarks/claims/aae.py --run runs/aae

The figures are the squared maximum mean discrepancy of the codes of test images
to the prior, their standard deviation and the squared error, and those of the
same networks trained without the adversary. Of a run of `--variant clustering`,
the figure is the error of its clusters as classes, in percent: the first fifth
of the test images gives the clusters their labels, the others count.
"""

import _claim as claim
import keras

import keras_gen
from keras_gen import metrics


def figures(run, model):
    if isinstance(model, keras_gen.ClusteringAAE):
        return clustering(run, model)
    if type(model) is not keras_gen.AAE:
        raise SystemExit(
            "`--run` must be one of the variants unsupervised and clustering. "
            f"Received: a run of {type(model).__name__}, of which all figures "
            "are in metrics.json."
        )
    adversaries = ("discriminator", "encoder")
    plain = claim.control(run, model, claim.images(run), without=adversaries)
    test = run.images("test")
    prior = keras.ops.convert_to_numpy(model.prior.sample(5000, seed=1))
    found = {}
    for name, trained in (("", model), ("plain_", plain)):
        codes = trained.encode(test[:5000])
        found |= {
            f"{name}discrepancy": metrics.maximum_mean_discrepancy(
                codes, prior, std=float(prior.std())
            ),
            f"{name}code_std": codes.std(),
            f"{name}squared_error": claim.squared_error(
                test, trained.reconstruct(test)
            ),
        }
    return found


def clustering(run, model):
    x, labels = run.labeled("test")
    some = len(x) // 5
    model.label_clusters(x[:some], labels[:some])
    predicted = model.classify(x[some:])
    return {"clustering_error": claim.error_rate(predicted, labels[some:])}


if __name__ == "__main__":
    run, model = claim.opened(claim.parser(__doc__).parse_args().run)
    claim.write(run, figures(run, model))
