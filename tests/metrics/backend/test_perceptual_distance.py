import numpy as np

from keras_gen.metrics import PerceptualDistance, RandomConvExtractor


def test_of_images():
    extractor = RandomConvExtractor()
    distance = PerceptualDistance(extractor)
    rng = np.random.default_rng(3)
    a, b = rng.uniform(size=(2, 3, 16, 16, 3))
    assert np.all(distance(a, a) == 0.0)
    assert np.all(distance(a, b) > 0.0)
    np.testing.assert_allclose(distance(b, a), distance(a, b))
    # A little noise is a smaller change than another image.
    assert np.all(distance(a, 0.95 * a + 0.05 * b) < 0.2 * distance(a, b))
    other = PerceptualDistance(extractor, value_range=(-1, 1))
    np.testing.assert_allclose(
        other(2 * a - 1, 2 * b - 1), distance(a, b), rtol=1e-4
    )
    weighted = PerceptualDistance(
        extractor, [np.full(c, 2.0) for c in (32, 64, 128)]
    )
    np.testing.assert_allclose(weighted(a, b), 2 * distance(a, b))
