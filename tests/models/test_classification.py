import keras
import numpy as np
import pytest
import scipy.special
from keras import ops

from keras_gen.engine import Batch, Examples, GenerativeModel, Labels
from keras_gen.layers import AdditiveNoise, BatchNormalization
from keras_gen.models.classification import Classifier
from tests.contract.case import all_cases
from tests.numerics import (
    array,
    one_program,
    randomize,
    run_as_programs,
    tensor,
)
from tests.translators import batch_of

WEIGHTS = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
X = np.random.default_rng(1).normal(size=(6, 4)).astype("float32")
LABELS = np.array([0, -1, 2, 1, -1, 0], "int32")


class Linear(Classifier, GenerativeModel):
    """Logits of known weights."""

    num_classes = 3
    logged = ("accuracy",)
    # The engine's own `log` needs a compiled model.
    logs = None

    def data_spec(self):
        return Batch(Examples((4,)), Labels(3, missing="allowed"))

    def logits_step(self, x):
        return ops.matmul(x, WEIGHTS)

    def log(self, **values):
        self.logs = {k: float(array(v)) for k, v in values.items()}


def test_probabilities_are_the_softmax():
    model = Linear()
    expected = scipy.special.softmax(X @ WEIGHTS, axis=-1)
    for size in (4, 256):
        found = model.class_probabilities(X, batch_size=size)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        np.testing.assert_array_equal(
            model.classify(X, batch_size=size), expected.argmax(-1)
        )
    signature = model.classify_signature()
    assert signature.outputs == ("probabilities",)
    assert signature.inputs == {"x": Examples((4,))}
    found = array(signature.fn(tensor(X)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_loss_is_that_of_the_labeled_examples_and_logs_accuracy():
    model, labeled = Linear(), LABELS >= 0
    logits = X @ WEIGHTS
    loss = model.classification_loss(
        ops.convert_to_tensor(LABELS), tensor(logits)
    )
    log_p = scipy.special.log_softmax(logits, axis=-1)
    expected = -log_p[range(6), LABELS][labeled].mean()
    assert float(array(loss)) == pytest.approx(expected, rel=1e-5)
    accuracy = (logits.argmax(-1) == LABELS)[labeled].mean()
    assert 0.0 < accuracy < 1.0
    assert model.logs == {"accuracy": pytest.approx(accuracy)}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("triple_gan", {"classifier_ema_decay": 0.9}),
        ("improved_gan", {"classifier_ema_decay": 0.9}),
        ("semi_vae-features", {}),
    ],
)
def test_held_out_accuracy_is_that_of_classify(monkeypatch, name, options):
    """By an average of the weights, or of the means of codes."""
    model = all_cases()[name].compiled(build=options)
    x = model.data_spec().x.draw(np.random.default_rng(0), 32)
    classifying = getattr(model, "classifying", "classifier")
    randomize(getattr(model, classifying), scale=2.0)
    run_as_programs(monkeypatch, model)
    labels = model.classify(x)
    found = model.evaluate(x, labels, return_dict=True, verbose=0)
    assert found["accuracy"] == 1.0


def test_logits_are_the_models_to_define():
    with pytest.raises(NotImplementedError, match="needs `logits_step`"):
        Classifier().logits_step(X)


@pytest.mark.parametrize(
    ("key", "network", "player"),
    [
        ("catgan", "discriminator", "discriminator"),
        ("catgan", "discriminator", "generator"),
        ("triple_gan", "classifier", "classifier"),
        ("triple_gan", "classifier", "discriminator"),
    ],
)
def test_moving_statistics_are_those_of_real_examples(key, network, player):
    """Of these alone, for they are what is classified."""
    model = all_cases()[key].build()
    found = getattr(model, network).layers
    for layer in found:
        if isinstance(layer, AdditiveNoise):
            layer.stddev = 0.0
    first = next(x for x in found if isinstance(x, BatchNormalization))
    batch = batch_of(model, 8)
    inner = keras.Model(getattr(model, network).input, first.input)
    outputs = array(inner(batch.x))
    mean = outputs.mean(axis=tuple(range(outputs.ndim - 1)))
    assert not np.any(array(first.moving_mean))
    one_program(
        lambda: model.player_loss(player, batch, training=True),
        model.variables,
    )()
    # Once in a step, by the network's own update.
    expected = 0.1 * mean if player == network else 0.0
    np.testing.assert_allclose(array(first.moving_mean), expected, atol=1e-5)
