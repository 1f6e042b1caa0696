import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from keras_gen.metrics.speech.frames import linear_prediction, lowest_mean
from tests.metrics.speech.signals import frames_of, noise, voice


def test_linear_prediction_solves_the_normal_equations():
    frames = np.stack([s for s, _ in frames_of(voice(), voice(), 16000)])
    filters = linear_prediction(frames, 16)
    assert filters.shape == (len(frames), 17)
    for frame, found in zip(frames, filters, strict=True):
        lags = np.correlate(frame, frame, "full")[frame.size - 1 :][:17]
        expected = -solve_toeplitz(lags[:16], lags[1:])
        assert found[0] == 1.0
        # The equations' condition number is up to 1e7.
        np.testing.assert_allclose(found[1:], expected, rtol=0, atol=1e-7)


def test_linear_prediction_finds_the_filter_that_made_a_signal():
    wave = lfilter([1], [1, -1.6, 0.8], noise(200000))
    np.testing.assert_allclose(
        linear_prediction(wave[None], 2)[0], [1, -1.6, 0.8], atol=0.01
    )


def test_linear_prediction_of_silence_and_of_the_predictable():
    frames = np.stack([np.zeros(480), np.ones(480), np.hanning(480)])
    filters = linear_prediction(frames, 16)
    assert np.isfinite(filters).all()
    np.testing.assert_array_equal(filters[0], np.eye(17)[0])


def test_lowest_mean_leaves_a_twentieth_off_and_rounds_half_up():
    assert lowest_mean(np.r_[500.0, np.ones(19)]) == 1.0
    assert lowest_mean(np.arange(10.0)) == 4.5
    assert lowest_mean(np.arange(30.0)) == 14.0
    assert lowest_mean(np.array([3.0])) == 3.0
