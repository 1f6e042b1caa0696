"""The features of a DCGAN's discriminator against pixels.

    python recipes/dcgan.py --dataset mnist --data-dir DIR
    python benchmarks/claims/dcgan.py --run runs/dcgan

The paper's use of a discriminator: the error on the test images, in percent, of
a linear SVM trained on few labeled images, its constant chosen by 4-fold
cross-validation.
"""

import _claim as claim
from sklearn import model_selection, svm


def figures(run, model, num_labels):
    x, labels = run.labeled("train", num_labels, model.value_range)
    test, test_labels = run.labeled("test", value_range=model.value_range)
    found = {}
    for name, features in (("features", model.features), ("pixels", flat)):
        search = model_selection.GridSearchCV(
            svm.LinearSVC(), {"C": [1e-4, 1e-3, 1e-2, 1e-1]}, cv=4
        ).fit(features(x), labels)
        found[f"svm_error_{name}"] = claim.error_rate(
            search.predict(features(test)), test_labels
        )
    return found


def flat(x):
    return x.reshape(len(x), -1)


if __name__ == "__main__":
    parser = claim.parser(__doc__)
    parser.add_argument(
        "--labels", type=int, default=1000, help="labeled training images"
    )
    arguments = parser.parse_args()
    run, model = claim.opened(arguments.run)
    claim.write(run, figures(run, model, arguments.labels))
