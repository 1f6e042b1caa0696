import keras
import numpy as np
import pytest

from keras_gen.models.autoencoders.aae_clusters import (
    ClusteringAAE,
    DimReductionAAE,
    closeness,
)
from tests.models.aae_helpers import (
    batch_of,
    changes_by_phase,
    dense_model,
    forward,
    gradients_of,
    losses_of,
    points,
)
from tests.models.test_aae_semi import LABELS, NETWORKS, parts_of
from tests.numerics import (
    array,
    double_precision,
    gradient,
    linear,
    randomize,
    tensor,
)

HEADS = np.array([[2.0, 0.0], [0.0, 2.0], [0.3, 0.4]])


def initialised(model):
    for index, name in enumerate(NETWORKS):
        randomize(getattr(model, name), index, 0.5)
    return model


def clustering(**options):
    return initialised(
        ClusteringAAE(
            (3,),
            num_clusters=3,
            input_noise=0.0,
            encoder=dense_model(3, 3, 2),
            decoder=dense_model(5, 3),
            class_discriminator=dense_model(3, 1),
            style_discriminator=dense_model(2, 1),
            seed=0,
            **options,
        )
    )


def reduction(**options):
    """Three heads in the plane; the first and the second are far apart."""
    model = initialised(
        DimReductionAAE(
            (3,),
            num_classes=3,
            seed=0,
            **{
                "input_noise": 0.0,
                "encoder": dense_model(3, 3, 2),
                "decoder": dense_model(2, 3),
                "class_discriminator": dense_model(3, 1),
                "style_discriminator": dense_model(2, 1),
                **options,
            },
        )
    )
    linear(model.cluster_heads, HEADS)
    return model


# ---- Clustering -------------------------------------------------------------


def test_clustering_has_no_supervised_phase():
    model = clustering()
    model.compile("sgd")
    assert changes_by_phase(model, batch_of(points()), NETWORKS) == [
        ("autoencoder", {"encoder", "decoder"}),
        ("class_discriminator", {"class_discriminator"}),
        ("style_discriminator", {"style_discriminator"}),
        ("encoder", {"encoder"}),
    ]
    with pytest.raises(ValueError, match="with labels"):
        model.fit(points(), LABELS, batch_size=6, verbose=0)


def test_a_cluster_takes_the_class_of_its_surest_example(tmp_path):
    model = clustering()
    x = np.diag([3.0, 2.0, 1.0])[[0, 0, 1, 2, 1]].astype("float32")
    x[1] *= 2.0
    linear(model.encoder, np.eye(3), np.zeros(3), layer=1)
    np.testing.assert_array_equal(model.assign(x), [0, 0, 1, 2, 1])
    with pytest.raises(ValueError, match="label_clusters"):
        model.classify(x)
    # The second example is surest in the first cluster, the third in its own
    # as sure as the last, which comes later.
    found = model.label_clusters(x, np.array([7, 5, 8, 5, 6]))
    np.testing.assert_array_equal(found, [5, 8, 5])
    np.testing.assert_array_equal(model.classify(x), [5, 5, 8, 5, 8])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.classify(x), [5, 5, 8, 5, 8])
    with pytest.raises(ValueError, match="5 examples and 4 classes"):
        model.label_clusters(x, np.zeros(4))


def test_sure_of_a_cluster_is_not_sure_among_clusters():
    """An example may be the surest in a cluster that is not its own."""
    model = clustering()
    linear(model.encoder, np.eye(3), np.zeros(3), layer=1)
    x = np.array([[4.0, 2.0, 0.0], [4.0, 0.0, 3.0]], "float32")
    np.testing.assert_array_equal(model.assign(x), [0, 0])
    np.testing.assert_array_equal(model.label_clusters(x, [8, 9]), [8, 8, 9])


def test_clusters_are_counted_by_name():
    model = clustering()
    assert model.num_classes == 3
    assert model.get_config()["num_clusters"] == 3
    assert model.sample(4, seed=0, labels=2).shape == (4, 3)


# ---- The heads --------------------------------------------------------------


def sum_over_pairs(heads, distance):
    return sum(
        max(0.0, distance - np.linalg.norm(heads[i] - heads[j]))
        for i in range(len(heads))
        for j in range(i)
    )


@pytest.mark.parametrize("distance", [1.0, 3.0])
def test_closeness(distance):
    heads = np.random.default_rng(0).normal(size=(6, 3))
    expected = sum_over_pairs(heads, distance)
    assert 0.0 < expected
    found = float(array(closeness(tensor(heads), distance)))
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_gradient_pushes_apart():
    with double_precision():
        heads = np.array([[0.0, 0.0], [0.3, 0.4]])
        slope = gradient(lambda w: closeness(w, 1.0), heads)
    # Of 1 - ||a - b||: each head is drawn in the other's opposite direction.
    np.testing.assert_allclose(slope, [[0.6, 0.8], [-0.6, -0.8]], rtol=1e-8)


def test_distant_heads_are_left_alone():
    heads = 1.01 * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert float(array(closeness(tensor(heads), 1.0))) == 0.0
    slope = gradient(lambda w: closeness(w, 1.0), heads)
    np.testing.assert_array_equal(slope, 0.0)


def test_equal_heads_have_a_finite_gradient():
    slope = gradient(lambda w: closeness(w, 1.0), np.ones((3, 2)))
    assert np.all(np.isfinite(slope))


def test_the_loss_of_the_heads_is_their_closeness():
    model = reduction(head_distance=2.0)
    loss = losses_of(model, batch_of(points(), LABELS))["heads"]
    assert loss == pytest.approx(sum_over_pairs(HEADS, 2.0), rel=1e-5)


# ---- Dimensionality reduction -----------------------------------------------


def test_one_hot_classes_without_style_are_the_heads():
    model = reduction()
    np.testing.assert_array_equal(array(model.heads), HEADS.astype("float32"))
    classes, styles = np.eye(3), np.zeros((3, 2))
    joined = array(model.join(tensor(classes), tensor(styles)))
    np.testing.assert_allclose(joined, HEADS, rtol=1e-6)
    made = model.sample(3, labels=[0, 1, 2], styles=styles)
    np.testing.assert_allclose(made, forward(model.decoder, HEADS), rtol=1e-5)


def test_the_code_is_the_head_and_the_style():
    model, x = reduction(), points()
    _, y, z = parts_of(model, x)
    code = y @ HEADS + z
    made = forward(model.decoder, code)
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(model.encode(x), code, **close)
    np.testing.assert_allclose(model.decode(code), made, **close)
    np.testing.assert_allclose(model.reconstruct(x), made, **close)
    loss = losses_of(model, batch_of(x, LABELS))["autoencoder"]
    assert loss == pytest.approx(0.5 * np.sum((x - made) ** 2) / 6, rel=1e-5)
    lines = model.interpolate(x[:2], x[2:4], steps=2)
    np.testing.assert_allclose(lines[:, 1], made[2:4], **close)
    assert model.traverse(x[0]).shape == (2, 7, 3)


@pytest.mark.parametrize("supervised", [True, False])
def test_each_phase_updates_its_own_networks_in_order(supervised):
    model = reduction(supervised=supervised, head_distance=2.0)
    batch = batch_of(points(), LABELS if supervised else None)
    phases = changes_by_phase(model, batch, (*NETWORKS, "cluster_heads"))
    assert phases == [
        ("autoencoder", {"encoder", "decoder", "cluster_heads"}),
        ("class_discriminator", {"class_discriminator"}),
        ("style_discriminator", {"style_discriminator"}),
        ("encoder", {"encoder"}),
        *([("classifier", {"encoder"})] if supervised else []),
        ("heads", {"cluster_heads"}),
    ]
    for player in ("encoder", "class_discriminator", "style_discriminator"):
        assert gradients_of(model, player, batch, "cluster_heads") == 0.0


def test_labels_or_none():
    model, x = reduction(), points()
    model.compile("sgd")
    with pytest.raises(ValueError, match="without labels"):
        model.fit(x, batch_size=6, verbose=0)
    np.testing.assert_array_equal(model.classify(x), model.assign(x))
    with pytest.raises(ValueError, match="supervised=False"):
        model.label_clusters(x, LABELS)
    model = reduction(supervised=False)
    model.compile("sgd")
    with pytest.raises(ValueError, match="with labels"):
        model.fit(x, LABELS, batch_size=6, verbose=0)
    assert "accuracy" not in model.fit(x, batch_size=6, verbose=0).history
    with pytest.raises(ValueError, match="label_clusters"):
        model.classify(x)
    model.label_clusters(x, np.arange(6))
    assert model.classify(x).shape == (6,)


def test_the_unlabelled_alone():
    model = reduction(labelled_in_all_phases=False)
    some = losses_of(model, batch_of(points(), LABELS))
    few = LABELS < 0
    expected = losses_of(model, batch_of(points()[few], LABELS[few]))
    for player in ("autoencoder", "encoder"):
        assert some[player] == pytest.approx(expected[player], rel=1e-5)
