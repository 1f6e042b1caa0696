"""What encoder-decoder models do with codes, with and without classes."""

import numpy as np
import pytest
from keras import ops

from keras_gen.distributions import IsotropicNormal
from keras_gen.engine import Labels, Vector
from keras_gen.models.encoder_decoder import EncoderDecoderModel, PriorSampling
from tests.numerics import array, tensor

RNG = np.random.default_rng(0)
ENCODER = RNG.normal(size=(6, 2)).astype("float32")
DECODER = RNG.normal(size=(2, 6)).astype("float32")
# What is added to the decoded examples of each class.
SHIFTS = RNG.normal(size=(3, 6)).astype("float32")
X = RNG.normal(size=(5, 3, 2)).astype("float32")


class Linear(PriorSampling, EncoderDecoderModel):
    """A linear encoder and a linear decoder, of known weights."""

    input_shape = (3, 2)
    latent_dim = 2

    def __init__(self, condition=None, infers_condition=False, **kwargs):
        super().__init__(seed=0, **kwargs)
        self.condition = condition
        self.infers_condition = infers_condition
        self.prior_seed = self.seed_generator("prior")

    @property
    def prior(self):
        return IsotropicNormal(2)

    def encode_step(self, x):
        return ops.matmul(ops.reshape(x, (-1, 6)), ENCODER)

    def decode_step(self, z, labels=None):
        x = ops.matmul(z, DECODER)
        if labels is not None:
            x = x + ops.take(tensor(SHIFTS), labels, axis=0)
        return ops.reshape(x, (-1, 3, 2))


def encoded(x):
    return x.reshape(-1, 6) @ ENCODER


def decoded(z, labels=None):
    x = np.asarray(z, "float32") @ DECODER
    if labels is not None:
        x = x + SHIFTS[labels]
    return x.reshape(*x.shape[:-1], 3, 2)


def assert_close(found, expected):
    assert isinstance(found, np.ndarray) and found.dtype == "float32"
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def plain():
    return Linear()


@pytest.fixture(scope="module")
def conditional():
    return Linear(Labels(3))


def test_codes_and_reconstructions(plain):
    for size in (2, 256):
        assert_close(plain.encode(X, batch_size=size), encoded(X))
        assert_close(
            plain.decode(encoded(X), batch_size=size), decoded(encoded(X))
        )
        expected = decoded(encoded(X))
        assert_close(plain.reconstruct(X, batch_size=size), expected)
    assert_close(array(plain(tensor(X))), expected)
    errors = ((X - expected) ** 2).sum((1, 2))
    assert_close(plain.reconstruction_error(X), errors)


def test_lines_between_examples(plain):
    lines = plain.interpolate(X[:2], X[2:4], steps=3)
    a, b = encoded(X[:2]), encoded(X[2:4])
    for i, codes in enumerate((a, (a + b) / 2, b)):
        assert_close(lines[:, i], decoded(codes))
    assert plain.interpolate(X[:2], X[2:4]).shape == (2, 10, 3, 2)


def test_traversals(plain):
    code = encoded(X[:1])[0]
    images = plain.traverse(X[0], dims=[1], values=[-1.0, 2.0])
    assert_close(images[0], decoded([[code[0], -1.0], [code[0], 2.0]]))
    images = plain.traverse(X[0])
    assert images.shape == (2, 7, 3, 2)
    assert_close(images[0, 0], decoded([-3.0, code[1]]))
    assert_close(images[1, -1], decoded([code[0], 3.0]))


def test_samples_are_decoded_draws_of_the_prior(plain):
    z = array(plain.prior.sample(4, seed=3))
    assert_close(plain.sample(4, seed=3), decoded(z))


def test_shapes_are_checked(plain):
    with pytest.raises(ValueError, match=r"`x` of Linear .*\(3, 2\)"):
        plain.encode(X[0])
    with pytest.raises(ValueError, match="`z` of Linear .*latent_dim"):
        plain.decode(np.zeros((5, 3)))


def test_classes_shift_what_is_decoded(conditional):
    labels, z = [2, 0, 1, 1, 0], encoded(X)
    assert_close(conditional.encode(X), z)
    expected = decoded(z, labels)
    assert_close(conditional.decode(z, labels=labels), expected)
    assert_close(conditional.reconstruct(X, labels=labels), expected)
    given = ops.convert_to_tensor(np.array(labels, "int32"))
    assert_close(array(conditional([tensor(X), given])), expected)
    errors = ((X - expected) ** 2).sum((1, 2))
    found = conditional.reconstruction_error(X, labels=labels)
    assert_close(found, errors)
    # One class for all, or each in turn.
    assert_close(conditional.decode(z, labels=2), decoded(z, [2] * 5))
    assert_close(conditional.decode(z), decoded(z, [0, 1, 2, 0, 1]))
    draws = array(conditional.prior.sample(5, seed=3))
    assert_close(conditional.sample(5, seed=3), decoded(draws, [0, 1, 2, 0, 1]))
    found = conditional.sample(5, labels=labels, seed=3)
    assert_close(found, decoded(draws, labels))


def test_lines_and_traversals_of_a_class(conditional):
    lines = conditional.interpolate(X[:2], X[2:4], steps=3, labels=[2, 1])
    a, b = encoded(X[:2]), encoded(X[2:4])
    for i, codes in enumerate((a, (a + b) / 2, b)):
        assert_close(lines[:, i], decoded(codes, [2, 1]))
    code = encoded(X[:1])[0]
    images = conditional.traverse(X[0], values=[2.0, 3.0], labels=1)
    expected = [
        [[2.0, code[1]], [3.0, code[1]]],
        [[code[0], 2.0], [code[0], 3.0]],
    ]
    assert_close(images, decoded(expected, 1))


def test_lines_have_the_classes_in_turn(conditional):
    lines = conditional.interpolate(X[:4], X[1:], steps=2)
    for i, ends in enumerate((X[:4], X[1:])):
        assert_close(lines[:, i], decoded(encoded(ends), [0, 1, 2, 0]))


def test_classes_that_codes_do_not_hold_must_be_given(conditional):
    for method in (
        lambda: conditional.reconstruct(X),
        lambda: conditional.reconstruction_error(X),
        lambda: conditional.traverse(X[0]),
    ):
        with pytest.raises(
            ValueError,
            match=r"`labels` of Linear must be given.*labels=None\. Pass the",
        ):
            method()
    with pytest.raises(ValueError, match="`labels` of Linear must be None"):
        Linear().reconstruct(X, labels=1)


def test_an_encoder_may_infer_the_class():
    model = Linear(Labels(3), infers_condition=True)
    assert_close(model.reconstruct(X), decoded(encoded(X)))
    code = encoded(X[:1])[0]
    images = model.traverse(X[0], dims=[0], values=[2.0])
    assert_close(images[0, 0], decoded([2.0, code[1]]))
    assert set(model.signatures()["serving_default"].inputs) == {"x"}


def test_served_functions_take_the_condition(conditional):
    signatures = conditional.signatures()
    assert {name: set(s.inputs) for name, s in signatures.items()} == {
        "serving_default": {"x", "labels"},
        "encode": {"x"},
        "decode": {"z", "labels"},
    }
    assert signatures["decode"].inputs["z"] == Vector(2, "latent_dim")
    labels = ops.convert_to_tensor(np.array([2, 0, 1, 1, 0], "int32"))
    found = signatures["serving_default"].fn(tensor(X), labels)
    assert_close(array(found), decoded(encoded(X), [2, 0, 1, 1, 0]))
