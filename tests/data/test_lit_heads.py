import itertools

import numpy as np
import pytest

from keras_gen.data import lit_heads, sources
from keras_gen.data.lit_heads import (
    LIT_HEAD_FACTORS,
    lit_head_factor_values,
    lit_head_identities,
    one_factor_batches,
    render_lit_heads,
)

SIZES = tuple(LIT_HEAD_FACTORS.values())
AZIMUTH, ELEVATION, LIGHT, IDENTITY = range(4)
COUNT = SIZES[IDENTITY]


def rendered(*heads, image_size=64):
    images = render_lit_heads(np.array(heads, "float32"), image_size)
    return images[..., 0].astype(float)


def some_batches(count, **options):
    options = {"image_size": 16, **options}
    return list(one_factor_batches(**options).take(count).as_numpy_iterator())


# ---- The images -------------------------------------------------------------


def test_a_head_is_bright_and_round_on_black():
    images = rendered(*[[0, 0, 0.3, i] for i in range(COUNT)])
    assert images.shape == (COUNT, 64, 64)
    # The corners above are black, the middle is face.
    assert not images[:, :8, :8].any() and not images[:, :8, -8:].any()
    assert not images[:, :, :4].any() and not images[:, :, -4:].any()
    assert images[:, 20:44, 24:40].mean(axis=(1, 2)).min() > 90
    fractions = (images > 0).mean(axis=(1, 2))
    assert 0.2 < fractions.min() and fractions.max() < 0.6
    # The outline is smoothed: grays below the darkest lit skin.
    assert len(np.unique(images[0])) > 60


def test_mirrored_pose_and_light_give_the_mirrored_image():
    rng = np.random.default_rng(0)
    heads = rng.uniform(0.3, 1.2, (30, 4)) * rng.choice([-1, 1], (30, 4))
    heads[:, IDENTITY] = rng.integers(0, COUNT, 30)
    mirrored = heads * [-1, 1, -1, 1]
    first, second = rendered(*heads), rendered(*mirrored)
    # Rounding of the values and of the grays.
    assert np.abs(first[:, :, ::-1] - second).max() <= 2
    assert np.abs(first - second).max(axis=(1, 2)).min() > 50
    for axis in (AZIMUTH, LIGHT):
        half = heads.copy()
        half[:, axis] *= -1
        difference = np.abs(first[:, :, ::-1] - rendered(*half))
        assert difference.max(axis=(1, 2)).min() > 20


def test_light_brightens_the_side_it_comes_from():
    angles = np.linspace(-1.3, 1.3, 9)
    images = rendered(*[[0, 0, angle, 5] for angle in angles])
    left, right = images[:, :, :32], images[:, :, 32:]
    balance = right.mean(axis=(1, 2)) - left.mean(axis=(1, 2))
    assert np.all(np.diff(balance) > 0)
    assert balance[4] == pytest.approx(0, abs=0.1)
    assert balance[-1] > 20
    # From the front, more of the head is lit.
    assert images.mean(axis=(1, 2)).argmax() == 4
    # From above, the skull is brighter than the chin.
    assert images[4, 12:20, 28:36].mean() > images[4, 44:50, 28:36].mean()


def test_lamp_stays_where_it_is_when_the_head_turns():
    """The profile towards the lamp is brighter than the one turned away."""
    towards, away = rendered([1.2, 0, 1.3, 7], [-1.2, 0, 1.3, 7])
    mean = [image[image > 0].mean() for image in (towards, away)]
    for image in (towards, away):
        assert image[16:40, 40:].mean() > image[16:40, :24].mean()
    assert mean[0] != pytest.approx(mean[1], rel=0.02)


@pytest.mark.parametrize("angle", [-0.4, 0.0, 0.4])
@pytest.mark.parametrize(
    ("axis", "shift"), [(AZIMUTH, (0, 1)), (ELEVATION, (1, 0))]
)
def test_face_moves_to_the_right_and_seen_from_above_downwards(
    axis, shift, angle
):
    heads = np.zeros((40, 4))
    heads[:, IDENTITY] = np.arange(40)
    before, after = heads.copy(), heads.copy()
    # The front of a head moves by its depth times the angle: one pixel.
    before[:, axis], after[:, axis] = angle - 0.03, angle + 0.03
    before, after = rendered(*before), rendered(*after)

    def error(step):
        moved = np.roll(before, np.multiply(step, shift), axis=(1, 2))
        return np.abs(moved - after)[:, 24:38, 24:40].mean()

    # Eyes, nose and mouth are there after one pixel's move, and only then.
    assert error(1) < 0.8 * error(0) < 0.8 * error(-1)


def test_identities_differ_in_shape_and_in_gray():
    images = rendered(*[[0.2, 0, 0, i] for i in range(0, COUNT, 5)])
    flat = images.reshape(200, -1)
    distances = np.abs(flat[:, None, ::7] - flat[None, :, ::7]).mean(axis=-1)
    assert distances[~np.eye(200, dtype=bool)].min() > 0.3
    outlines = (images > 0).sum(axis=(1, 2))
    assert outlines.std() / outlines.mean() > 0.03
    faces = images[:, 24:40, 28:36].mean(axis=(1, 2))
    assert faces.std() / faces.mean() > 0.08


def test_sizes_show_the_same_head():
    heads = [[0.5, 0.2, -0.4, 9], [-0.8, -0.3, 0.9, 60]]
    large = rendered(*heads, image_size=128)
    for size in (8, 20, 32):
        small = rendered(*heads, image_size=size)
        assert small.shape == (2, size, size)
        if 128 % size == 0:
            cells = large.reshape(2, size, 128 // size, size, 128 // size)
            difference = np.abs(cells.mean(axis=(2, 4)) - small)
            assert difference.mean() < 6


# ---- The source -------------------------------------------------------------


def test_factor_values():
    values = lit_head_factor_values(
        np.array([[0, 0, 0, 0], [7, 3, 7, 7], [14, 6, 14, 999]])
    )
    assert values.dtype == np.float32
    ends = np.radians([75, 30, 80])
    expected = [[*-ends, 0], [0, 0, 0, 7], [*ends, 999]]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    steps = np.diff(
        lit_head_factor_values(np.stack([np.arange(7)] * 4, 1)),
        axis=0,
    )
    np.testing.assert_allclose(
        steps[:, :3], np.tile(ends / [7, 3, 7], (6, 1)), rtol=1e-5
    )


@pytest.mark.parametrize("image_size", [16, None])
def test_data_set_equals_the_renderer(image_size):
    source = lit_heads.build(image_size, seed=0)
    numbers = np.random.default_rng(1).choice(source.splits["test"], 300)
    dataset = sources.to_dataset(source, numbers)
    rows = list(dataset.as_numpy_iterator())
    factors = np.stack([row["factors"] for row in rows])
    np.testing.assert_array_equal(
        factors, np.stack(np.unravel_index(numbers, SIZES), 1)
    )
    assert all(len(np.unique(column)) > 5 for column in factors.T)
    values = lit_head_factor_values(factors)
    np.testing.assert_array_equal(
        np.stack([row["factor_values"] for row in rows]), values
    )
    images = np.stack([row["image"] for row in rows])
    assert images.dtype == np.uint8
    expected = render_lit_heads(values, image_size or 64)
    # The sums of the products may be ordered otherwise.
    assert np.abs(images.astype(int) - expected).max() <= 1


def test_splits_share_no_identity():
    parts = lit_heads.build(16, seed=0).splits
    total = np.prod(SIZES)
    np.testing.assert_array_equal(parts["all"], np.arange(total))
    together = np.concatenate([parts["train"], parts["test"]])
    np.testing.assert_array_equal(np.sort(together), np.arange(total))
    train, test = (np.unique(parts[name] % COUNT) for name in ("train", "test"))
    assert len(train) == 900 and len(test) == 100
    assert not set(train) & set(test)
    other = lit_heads.build(16, seed=1).splits
    assert set(np.unique(other["test"] % COUNT)) != set(test)
    again = lit_heads.build(16, seed=0).splits
    np.testing.assert_array_equal(again["test"], parts["test"])


# ---- Batches of one factor --------------------------------------------------


@pytest.fixture
def drawn(monkeypatch):
    """Batches that hold the values of the factors in place of images."""

    def renderer(side):
        def render(angles, identities):
            import tensorflow as tf

            identities = tf.cast(identities, "float32")[:, None]
            return 255.0 * tf.concat([angles, identities], axis=1)

        return render

    monkeypatch.setattr(lit_heads, "renderer", renderer)


def test_only_the_named_factor_varies(drawn):
    seen = set()
    ratio = dict.fromkeys(LIT_HEAD_FACTORS, 1)
    for values, group in some_batches(60, batch_size=16, ratio=ratio):
        (factor,) = set(group.tolist())
        seen.add(factor)
        others = np.delete(values, factor, axis=1)
        assert np.ptp(others, axis=0).max() == 0.0
        assert len(np.unique(values[:, factor])) > 10
    assert seen == {AZIMUTH, ELEVATION, LIGHT, IDENTITY}


def test_draws_cover_their_ranges(drawn):
    ratio = dict.fromkeys(LIT_HEAD_FACTORS, 1)
    batches = some_batches(400, ratio=ratio, seed=2)
    for factor in range(4):
        own = [x[:, factor] for x, group in batches if group[0] == factor]
        shared = [x[0, factor] for x, group in batches if group[0] != factor]
        for values in (np.concatenate(own), np.array(shared)):
            if factor == IDENTITY:
                train = np.unique(
                    lit_heads.build(16, 0).splits["train"] % COUNT
                )
                assert set(values) <= set(train)
                # So many of n are missed by independent draws.
                missed = np.exp(-len(values) / len(train))
                seen = len(set(values)) / len(train)
                assert abs(1 - missed - seen) < 0.05
                continue
            reach = np.radians([75, 30, 80])[factor]
            assert np.abs(values).max() <= reach
            assert np.abs(values).max() > 0.97 * reach
            # Uniform: mean 0, variance reach^2 / 3.
            bound = 5 * reach / (3 * len(values)) ** 0.5
            assert abs(values.mean()) < bound
            assert values.var() == pytest.approx(reach**2 / 3, rel=0.25)


@pytest.mark.parametrize(
    ("ratio", "fractions"),
    [
        (None, [1 / 13, 1 / 13, 1 / 13, 10 / 13]),
        (
            {"light": 3, "azimuth": 1, "elevation": 0, "identity": 1},
            [0.2, 0, 0.6, 0.2],
        ),
    ],
)
def test_groups_come_in_the_given_ratio(drawn, ratio, fractions):
    batches = some_batches(1000, batch_size=1, ratio=ratio)
    found = np.bincount([group[0] for _, group in batches], minlength=4) / 1000
    # Five standard deviations of a fraction.
    bound = 5 * np.sqrt(
        np.multiply(fractions, np.subtract(1, fractions)) / 1000
    )
    assert np.all(np.abs(found - fractions) <= bound), found


def test_batches_follow_from_the_seed_and_the_step():
    first = some_batches(6, batch_size=3)
    again = some_batches(6, batch_size=3)
    resumed = some_batches(3, batch_size=3, start_step=3)
    for left, right in itertools.chain(
        zip(first, again, strict=True), zip(first[3:], resumed, strict=True)
    ):
        for a, b in zip(left, right, strict=True):
            np.testing.assert_array_equal(a, b)
    other = some_batches(6, batch_size=3, seed=1)
    for left, right in zip(first, other, strict=True):
        assert np.abs(left[0] - right[0]).max() > 0.1
    assert np.abs(first[0][0] - first[1][0]).max() > 0.1


def test_batches_are_images_for_fit():
    dataset = one_factor_batches(image_size=32)
    images, group = dataset.element_spec
    assert images.shape == (20, 32, 32, 1) and images.dtype == "float32"
    assert group.shape == (20,) and group.dtype == "int32"
    images, group = next(iter(dataset.as_numpy_iterator()))
    assert images.min() == 0.0 and 0.5 < images.max() <= 1.0
    # They are those of the renderer.
    np.testing.assert_array_equal(
        images, np.float32(np.rint(255 * images)) / 255
    )


def test_shards_are_parts_of_the_batch():
    (whole, group), *_ = some_batches(1, batch_size=6)
    for index in range(3):
        ((part, its_group),) = some_batches(1, batch_size=6, shard=(index, 3))
        np.testing.assert_allclose(
            part, whole[2 * index : 2 * index + 2], atol=1.5 / 255
        )
        np.testing.assert_array_equal(its_group, group[:2])


def test_splits_of_identities(drawn):
    test = set(lit_heads.build(16, 0).splits["test"] % COUNT)
    for split, expected in (("test", test), ("test[:50%]", None)):
        batches = some_batches(60, split=split)
        found = set(np.concatenate([x[:, IDENTITY] for x, _ in batches]))
        assert found == set(lit_head_identities(split))
        assert found == expected or len(found) == 50
        assert found <= test
    train = lit_head_identities()
    assert len(train) == 900 and not set(train) & test


def test_unusable_arguments_are_explained():
    with pytest.raises(ValueError, match="must lie below"):
        lit_head_factor_values(np.array([[15, 0, 0, 0]]))
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 4\)"):
        lit_head_factor_values(np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"shape \(count, 4\)"):
        render_lit_heads(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="from 0 to 999"):
        render_lit_heads([[0, 0, 0, 1000]])
    with pytest.raises(ValueError, match="from 0 to 999"):
        render_lit_heads([[0, 0, 0, 0.5]])
    with pytest.raises(ValueError, match="finite"):
        render_lit_heads([[np.nan, 0, 0, 1]])
    assert render_lit_heads(np.zeros((0, 4)), 16).shape == (0, 16, 16, 1)
    for size in ((32, 16), 4):
        with pytest.raises(ValueError, match="must be at least 8"):
            lit_heads.build(size, 0)
    for ratio in (
        {"azimuth": 1},
        {**LIT_HEAD_FACTORS, "hair": 1},
        {**LIT_HEAD_FACTORS, "light": -1},
        dict.fromkeys(LIT_HEAD_FACTORS, 0),
    ):
        with pytest.raises(ValueError, match="each of azimuth, elevation"):
            one_factor_batches(ratio=ratio)
    for name, value in (("batch_size", 0), ("seed", -1), ("start_step", 0.5)):
        with pytest.raises(ValueError, match=f"{name}={value}"):
            one_factor_batches(**{name: value})
    for shard in ((2, 2), (0, 3)):
        with pytest.raises(ValueError, match="multiple of count"):
            one_factor_batches(20, shard=shard)
    with pytest.raises(ValueError, match="validation"):
        one_factor_batches(split="validation")
