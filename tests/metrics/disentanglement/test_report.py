import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from keras_gen.data import FactorData, sprite_factor_data
from keras_gen.metrics.disentanglement.dci import dci
from keras_gen.metrics.disentanglement.report import (
    DISENTANGLEMENT_METRICS,
    disentanglement_report,
)
from keras_gen.metrics.disentanglement.sap import sap
from tests.metrics.disentanglement.codes import SIZES, NoiseCodes

DATA = FactorData(SIZES, factor_names=("shape", "scale", "x", "y"))
VOTES = {"num_train": 300, "num_test": 300}
OPTIONS = {
    "beta_vae": VOTES,
    "factor_vae": VOTES | {"num_variance": 1000},
    "dci": {"n_estimators": 8, "max_depth": 2},
}
QUICK = {"num_train": 1000, "num_test": 500, "options": OPTIONS}
# For factors of 40 and 32 values: a bin for each, and classes of neighbors.
SPRITES = {
    "num_train": 10000,
    "num_test": 2000,
    "num_bins": 40,
    "max_classes": 8,
    "options": OPTIONS | {"mig_sampled": {"num_samples": 2000}},
}


def sprite_factors():
    """The factors of sprites in the place of the images."""
    sprites = sprite_factor_data()
    return FactorData(sprites.factor_sizes, factor_names=sprites.factor_names)


def posterior(x):
    return x, np.full_like(x, -8.0)


class Autoencoder:
    """An encoder with posteriors, and a decoder of 4 x 4 images."""

    name = "toy"

    def encode(self, x):
        return x

    def posterior(self, x):
        mean, log_variance = posterior(x)
        return SimpleNamespace(mean=mean, log_variance=log_variance)

    def decode(self, z):
        return np.tile(z[:, :, None, None], (1, 1, 4, 1)).astype("float32")


def test_perfect_codes_of_sprites_get_every_perfect_score():
    report = disentanglement_report(posterior, sprite_factors(), **SPRITES)
    best = {
        "beta_vae": 1.0,
        "factor_vae": 1.0,
        "mig_hist": 1.0,
        "mig_sampled": 1.0,
        "sap_continuous": 1.0,
        # Classes of 3, 6, 8, 8, 8 values: what a linear classifier of one
        # number can do.
        "sap_discrete": 0.37,
        "dci_disentanglement": 1.0,
        "dci_completeness": 1.0,
        "dci_informativeness": 1.0,
        "modularity": 1.0,
        "explicitness": 1.0,
        "gaussian_total_correlation": 0.0,
        "gaussian_wasserstein_correlation": 0.0,
        "gaussian_wasserstein_correlation_normalized": 0.0,
        "active_units": 5.0,
        # The bias of 40 x 40 bins for 10,000 samples, 0.02 at most.
        "mutual_information_score": 0.011,
    }
    assert report.scores == pytest.approx(best, abs=0.02)
    assert list(report.settings["options"]) == list(DISENTANGLEMENT_METRICS)


def test_noise_gets_every_floor():
    encoder = NoiseCodes(5)
    report = disentanglement_report(
        lambda x: (encoder(x), np.zeros((len(x), 5))),
        sprite_factors(),
        **SPRITES
        | {"options": SPRITES["options"] | {"dci": {"predictor": "lasso"}}},
    )
    scores = report.scores
    for name, floor, tolerance in (
        # Three standard errors of a frequency of 1/5 in 300 votes.
        ("beta_vae", 0.2, 0.07),
        ("factor_vae", 0.2, 0.07),
        ("mig_hist", 0.0, 0.02),
        ("mig_sampled", 0.0, 0.02),
        ("sap_continuous", 0.0, 0.02),
        ("sap_discrete", 0.0, 0.02),
        ("dci_disentanglement", 0.0, 0.02),
        ("dci_completeness", 0.0, 0.02),
        ("dci_informativeness", 0.0, 0.02),
        ("explicitness", 0.5, 0.02),
        ("gaussian_total_correlation", 0.0, 0.02),
    ):
        assert scores[name] == pytest.approx(floor, abs=tolerance), name
    # Modularity has no floor: it compares biases of the information.
    assert 0.0 < scores["modularity"] < 0.9
    assert report.mutual_information.max() < 0.12


def test_bins_for_all_values_are_what_sprites_need():
    def scores(**options):
        report = disentanglement_report(
            None,
            sprite_factors(),
            metrics=["mig_hist"],
            num_train=10000,
            num_test=1,
            **options,
        )
        return report.scores["mig_hist"]

    # 20 bins leave log 20 of log 40, and less than log 20 of log 32.
    assert 0.85 < scores(num_bins=20) < 0.92
    assert scores(num_bins=40) > 0.98


def test_settings_tell_what_the_scores_depend_on():
    report = disentanglement_report(
        Autoencoder(),
        DATA,
        metrics=["dci", "mig_sampled", "sap_continuous"],
        max_classes=4,
        seed=7,
        **QUICK,
    )
    settings = report.settings
    assert settings["encoder"] == "toy" and settings["seed"] == 7
    assert settings["num_latents"] == 4 and settings["max_classes"] == 4
    assert settings["factor_names"] == ["shape", "scale", "x", "y"]
    assert settings["factor_sizes"] == [3, 6, 8, 8]
    assert settings["options"] == {
        "dci": {
            "predictor": "gradient_boosting",
            "lasso_penalty": 0.05,
            "seed": 7,
            "n_estimators": 8,
            "max_depth": 2,
        },
        "mig_sampled": {"num_samples": 10000, "seed": 7},
        "sap_continuous": {
            "continuous": True,
            "classifier": "svm",
            "standardize": False,
            "seed": 7,
        },
    }
    assert settings["versions"]["numpy"] == np.__version__
    assert set(report.scores) == {
        "dci_disentanglement",
        "dci_completeness",
        "dci_informativeness",
        "mig_sampled",
        "sap_continuous",
    }


def test_scores_are_those_of_the_metrics():
    report = disentanglement_report(
        None, DATA, metrics=["dci", "sap_discrete"], max_classes=4, **QUICK
    )
    rng = np.random.default_rng(0)
    train, test = DATA.sample_factors(1000, rng), DATA.sample_factors(500, rng)
    classes, test_classes = (
        np.where(np.array(SIZES) > 4, each * 4 // np.array(SIZES), each)
        for each in (train, test)
    )
    arrays = train, classes, test, test_classes
    assert report.scores["sap_discrete"] == sap(*arrays).score
    expected = dci(*arrays, **OPTIONS["dci"])
    assert report.scores["dci_completeness"] == expected.completeness
    assert report.scores["dci_informativeness"] == expected.informativeness


def test_all_metrics_that_the_encoder_allows():
    codes_only = disentanglement_report(None, DATA, **QUICK)
    assert "mig_sampled" not in codes_only.scores
    both = disentanglement_report(posterior, DATA, **QUICK)
    assert both.scores.pop("mig_sampled") > 0.9
    assert both.scores == codes_only.scores


def test_text_and_json(tmp_path):
    report = disentanglement_report(
        lambda x: x[:, [0, 0]], DATA, metrics=["unsupervised", "mig_hist"]
    )
    lines = report.table().splitlines()
    assert lines[0].split() == ["score", "value", "best"]
    assert lines[1].split() == ["gaussian_total_correlation", "inf", "0"]
    assert lines[-2].split() == ["mig_hist", "0.0000", "1"]
    assert lines[-1].endswith("10000 + 5000 samples, 20 bins, seed 0")
    text = report.to_json(tmp_path / "new" / "report.json")
    read = json.loads((tmp_path / "new" / "report.json").read_text())
    assert read == json.loads(text)
    assert read["scores"]["gaussian_total_correlation"] == "inf"
    assert read["scores"]["mig_hist"] == report.scores["mig_hist"]
    np.testing.assert_array_equal(
        read["mutual_information"], report.mutual_information
    )


def test_pictures(tmp_path):
    model = Autoencoder()
    report = disentanglement_report(
        model, DATA, metrics=["mig_hist"], decoder=model, **QUICK
    )
    assert report.mutual_information.shape == (4, 4)
    assert (report.mutual_information.argmax(axis=1) == range(4)).all()
    assert report.traversals.shape == (4, 9, 4, 4, 1)
    files = report.save_pictures(tmp_path / "pictures")
    assert [file.name for file in files] == [
        "mutual_information.png",
        "traversals.png",
    ]
    for file in files:
        assert file.read_bytes().startswith(b"\x89PNG")


def test_refuses_bad_input(monkeypatch):
    with pytest.raises(
        ValueError, match=r"among .*mig_hist.*Received: \['migg'\]"
    ):
        disentanglement_report(None, DATA, metrics=["migg"])
    with pytest.raises(ValueError, match=r"among .*dci.*Received: \['dsi'\]"):
        disentanglement_report(None, DATA, options={"dsi": {}})
    with pytest.raises(ValueError, match="encoder of codes only"):
        disentanglement_report(None, DATA, metrics=["mig_sampled"], **QUICK)
    with pytest.raises(ValueError, match="`num_train` must be above 0"):
        disentanglement_report(None, DATA, num_train=0)
    with pytest.raises(ValueError, match="NaN"):
        disentanglement_report(lambda x: x * np.nan, DATA, **QUICK)
    with pytest.raises(ValueError, match=r"num_bins=20, len\(codes\)=10"):
        disentanglement_report(None, DATA, metrics=["mig_hist"], num_train=10)
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(
        ImportError, match=r"scikit-learn.*pip install -e '\.\[recipes\]'"
    ):
        disentanglement_report(None, DATA, metrics=["dci"], **QUICK)
