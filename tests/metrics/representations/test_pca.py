import numpy as np
import pytest

from keras_gen.metrics import pca_reconstruction_error


def data(n=300, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5)) * [3.0, 2.0, 1.0, 0.5, 0.1] + 4.0
    return x.reshape(n, 5, 1)


@pytest.mark.parametrize("k", [0, 1, 3, 5])
def test_error_is_what_the_components_leave(k):
    from sklearn.decomposition import PCA

    train, test = data(), data(200, 1)
    flat = test.reshape(200, 5)
    mean = train.mean(0).reshape(5)
    rebuilt = np.tile(mean, (200, 1))
    if k:
        pca = PCA(k).fit(train.reshape(300, 5))
        rebuilt = pca.inverse_transform(pca.transform(flat))
    expected = ((flat - rebuilt) ** 2).sum(1).mean()
    found = pca_reconstruction_error(train, test, k)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_wrong_input():
    with pytest.raises(ValueError, match="num_components=6"):
        pca_reconstruction_error(data(), data(), 6)
    bad = data()
    bad[0] = np.inf
    with pytest.raises(ValueError, match="train"):
        pca_reconstruction_error(bad, data(), 2)
