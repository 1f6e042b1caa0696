"""A model between two domains."""

import numpy as np
import pytest

from tests.contract.case import Case, all_cases
from tests.contract.helpers import fit
from tests.numerics import array
from tests.proofs.translator import SHAPES

# The discriminators are updated in the first of two steps.
CONTRACT = {"translator": Case(total_updates={"discriminator": 1})}


@pytest.fixture(scope="module")
def case():
    return all_cases()["translator"]


@pytest.fixture(scope="module")
def model(case):
    return case.build()


def images(domain, n=3):
    shape = SHAPES[domain]
    return np.random.default_rng(0).normal(size=(n, *shape)).astype("float32")


def test_each_direction_reads_its_domain(model):
    a, b = images("a"), images("b")
    there = model.translate(a)
    np.testing.assert_array_equal(there, model.translate(a, direction="ab"))
    np.testing.assert_allclose(there, array(model.generator_ab(a)), atol=1e-6)
    back = model.translate(b, direction="ba", batch_size=2)
    np.testing.assert_allclose(back, array(model.generator_ba(b)), atol=1e-6)
    with pytest.raises(ValueError, match=r"examples of shape \(None, 4, 4, 2"):
        model.translate(a, direction="ba")
    with pytest.raises(ValueError, match="direction='ac'"):
        model.translate(a, direction="ac")


def test_each_direction_is_served(model):
    signatures = model.signatures()
    assert list(signatures) == [
        "serving_default",
        "translate_ab",
        "translate_ba",
    ]
    assert signatures["translate_ab"].inputs["x"].shape == SHAPES["a"]
    assert signatures["translate_ba"].inputs["x"].shape == (4, 4, 2)


def test_evaluation_leaves_the_pools(case, model):
    model = case.compiled()
    data = case.data()
    model.evaluate(*data, batch_size=8, verbose=0)
    assert int(model.pool_a.filled) == int(model.pool_b.filled) == 0
    fit(model, data)
    assert int(model.pool_a.filled) == 8


def test_domains_come_as_two_arrays(case, model):
    with pytest.raises(ValueError, match="`y` of Translator must be examples"):
        case.ready.fit(images("a"))
