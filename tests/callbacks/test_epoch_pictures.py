import sys

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gen.callbacks import (
    EpochPictures,
    LatentTraversal,
    Reconstructions,
    SampleGrid,
)
from keras_gen.callbacks.sample_grid import side_by_side

X = np.random.default_rng(0).uniform(size=(24, 6, 5, 1)).astype("float32")


class TinyVAE(keras.Model):
    """An autoencoder with noise, batch statistics and what callbacks ask."""

    def __init__(self, latent_dim=3, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.encoder = keras.Sequential(
            [
                keras.Input((6, 5, 1)),
                keras.layers.Flatten(),
                keras.layers.Dropout(0.3, seed=5),
                keras.layers.Dense(latent_dim),
            ]
        )
        self.decoder = keras.Sequential(
            [
                keras.Input((latent_dim,)),
                keras.layers.Dense(30),
                keras.layers.BatchNormalization(),
                keras.layers.Activation("sigmoid"),
                keras.layers.Reshape((6, 5, 1)),
            ]
        )

    def call(self, x, training=False):
        return self.decoder(
            self.encoder(x, training=training), training=training
        )

    def sample(self, num, *, seed=None):
        z = keras.random.normal((num, self.latent_dim), seed=seed)
        return self.decoder(z, training=False)

    def reconstruct(self, x):
        return self(x, training=False)

    def traverse(self, x, dims, values):
        code = keras.ops.convert_to_numpy(self.encoder(x[None]))[0]
        codes = np.tile(code, (len(dims), len(values), 1))
        for row, dim in enumerate(dims):
            codes[row, :, dim] = values
        images = self.decoder(codes.reshape(-1, self.latent_dim))
        return keras.ops.reshape(images, (*codes.shape[:2], 6, 5, 1))


def fit(callbacks, epochs=3, model=None, initial_epoch=0):
    if model is None:
        keras.utils.set_random_seed(3)
        model = TinyVAE()
        model.compile(optimizer="adam", loss="mse")
    model.fit(
        X,
        X,
        batch_size=8,
        epochs=epochs,
        initial_epoch=initial_epoch,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
    )
    return model


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def num_frames(path):
    with Image.open(path) as image:
        return image.n_frames


def test_sample_grid_draws_the_samples_of_each_epoch(tmp_path):
    drawn = []

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            images = self.model.sample(6, seed=11)
            drawn.append(keras.ops.convert_to_numpy(images))

    grid = SampleGrid(tmp_path / "samples", num=6, seed=11, columns=3)
    fit([grid, Keep()])
    assert names(tmp_path) == ["samples", "samples.gif"]
    files = ["epoch_0001.png", "epoch_0002.png", "epoch_0003.png"]
    assert names(tmp_path / "samples") == files
    for file, images in zip(files, drawn, strict=True):
        picture = read(tmp_path / "samples" / file)
        assert picture.shape == (18, 23)
        corner = np.floor(images[4, ..., 0] * 255.0 + 0.5)
        np.testing.assert_array_equal(picture[10:16, 9:14], corner)
    assert not np.array_equal(drawn[0], drawn[2])
    assert num_frames(tmp_path / "samples.gif") == 3


def test_pictures_do_not_disturb_training(tmp_path):
    plain = fit([])
    watched = fit(
        [
            SampleGrid(tmp_path / "samples", num=4),
            LatentTraversal(tmp_path / "traversals", X[0]),
            Reconstructions(tmp_path / "reconstructions", X[:3]),
        ]
    )
    for a, b in zip(plain.variables, watched.variables, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b)
        )


def test_every_and_sampler_and_value_range(tmp_path):
    seen = []

    def sampler(model):
        seen.append(model)
        return np.full((2, 4, 4, 3), [-1.0, 0.0, 1.0])

    grid = SampleGrid(
        tmp_path / "s",
        every=2,
        sampler=sampler,
        value_range=(-1, 1),
        gif=tmp_path / "films" / "own.gif",
    )
    model = fit([grid], epochs=5)
    assert seen == [model, model]
    assert names(tmp_path / "s") == ["epoch_0002.png", "epoch_0004.png"]
    assert read(tmp_path / "s" / "epoch_0002.png")[3, 3].tolist() == [
        0,
        128,
        255,
    ]
    assert names(tmp_path) == ["films", "s"]
    assert names(tmp_path / "films") == ["own.gif"]


def test_resumed_run_has_all_epochs_in_its_animation(tmp_path):
    folder = tmp_path / "samples"
    model = fit([SampleGrid(folder, num=4, gif=False)], epochs=4)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    # Killed after the pictures of epochs 3 and 4, with a checkpoint of 2.
    (folder / ".epoch_0005.png.tmp-12ab.png").write_bytes(b"half")
    (folder / "notes.txt").write_text("not ours")
    (folder / "epoch_0009.png").write_bytes(before["epoch_0004.png"])
    fit([SampleGrid(folder, num=4)], epochs=3, model=model, initial_epoch=2)
    assert names(folder) == [
        "epoch_0001.png",
        "epoch_0002.png",
        "epoch_0003.png",
        "notes.txt",
    ]
    assert (folder / "epoch_0001.png").read_bytes() == before["epoch_0001.png"]
    assert (folder / "epoch_0003.png").read_bytes() != before["epoch_0003.png"]
    assert num_frames(tmp_path / "samples.gif") == 3


def test_a_second_fit_of_one_callback_continues(tmp_path):
    grid = SampleGrid(tmp_path / "samples", num=4)
    model = fit([grid], epochs=2)
    fit([grid], epochs=4, model=model, initial_epoch=2)
    assert len(names(tmp_path / "samples")) == 4
    assert num_frames(tmp_path / "samples.gif") == 4


def test_latent_traversal_has_a_row_for_each_latent(tmp_path):
    calls = []

    class Model(TinyVAE):
        def traverse(self, x, dims, values):
            calls.append((x, dims, values))
            shade = np.add.outer(10 * np.array(dims), np.array(values))
            return shade[..., None, None, None] * np.ones((6, 5, 1))

    model = Model()
    model.compile(optimizer="adam", loss="mse")
    some = LatentTraversal(
        tmp_path / "some",
        X[0],
        dims=[2, 0],
        values=np.array([1.0, 2.0, 3.0]),
        value_range=(0, 255),
    )
    every = LatentTraversal(tmp_path / "every", X[0], gif=True)
    fit([some, every], epochs=1, model=model)
    picture = read(tmp_path / "some" / "epoch_0001.png")
    assert picture.shape == (2 * 8 + 2, 3 * 7 + 2)
    assert picture[2::8, 2::7].tolist() == [[21, 22, 23], [1, 2, 3]]
    assert calls[0][0] is some.x
    assert calls[0][1:] == ([2, 0], [1.0, 2.0, 3.0])
    assert calls[1][1] == [0, 1, 2]
    assert calls[1][2] == pytest.approx(np.arange(-3, 3.1, 0.75))
    assert names(tmp_path) == ["every", "some", "traversals.gif"]


def test_latent_traversal_of_a_trained_model(tmp_path):
    traversal = LatentTraversal(tmp_path, X[0], values=[-2.0, 0.0, 2.0])
    model = fit([traversal], epochs=1)
    picture = read(tmp_path / "epoch_0001.png")
    images = keras.ops.convert_to_numpy(
        model.traverse(X[0], [0, 1, 2], [-2.0, 0.0, 2.0])
    )
    np.testing.assert_array_equal(
        picture[18:24, 9:14], np.floor(images[2, 1, ..., 0] * 255.0 + 0.5)
    )


def test_reconstructions_are_below_their_originals(tmp_path):
    callback = Reconstructions(tmp_path / "r", X[:5], columns=3, gif=True)
    model = fit([callback], epochs=1)
    picture = read(tmp_path / "r" / "epoch_0001.png")
    assert picture.shape == (4 * 8 + 2, 3 * 7 + 2)
    images = keras.ops.convert_to_numpy(model.reconstruct(X[:5]))
    cell = picture[18:24, 9:14], picture[26:32, 9:14]
    for part, source in zip(cell, (X[4], images[4]), strict=True):
        np.testing.assert_array_equal(
            part, np.floor(source[..., 0] * 255.0 + 0.5)
        )
    assert picture[18:24, 16:21].max() == picture[26:32, 16:21].max() == 0
    assert names(tmp_path) == ["r", "reconstructions.gif"]


def test_refuses_what_cannot_be_drawn(tmp_path):
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    for callback, name in (
        (SampleGrid(tmp_path), "sample"),
        (LatentTraversal(tmp_path, X[0]), "traverse"),
        (Reconstructions(tmp_path, X), "reconstruct"),
    ):
        with pytest.raises(ValueError, match=f"has no `{name}` method"):
            callback.set_model(plain)
    vectors = Fixed(np.zeros((1, 7)), example_shape=(7,))
    for callback in (SampleGrid(tmp_path), LatentTraversal(tmp_path, X[0])):
        with pytest.raises(
            ValueError, match=r"must be images, .*\(7,\)\. Pass"
        ):
            callback.set_model(vectors)
    plain.traverse = lambda x, dims, values: None
    with pytest.raises(ValueError, match="must have a `latent_dim`.*`dims`"):
        LatentTraversal(tmp_path, X[0]).set_model(plain)
    with pytest.raises(ValueError, match="at least one image"):
        Reconstructions(tmp_path, X[0, 0])
    with pytest.raises(NotImplementedError, match="must define `draw"):
        EpochPictures(tmp_path).draw()
    with pytest.raises(ValueError, match="`every` must be at least 1"):
        SampleGrid(tmp_path, every=0)
    with pytest.raises(ValueError, match="`num` must be at least 1"):
        SampleGrid(tmp_path, num=0)
    with pytest.raises(ValueError, match="must not be empty"):
        LatentTraversal(tmp_path, X[0], dims=[])
    with pytest.raises(ValueError, match="`columns` must be at least 1"):
        Reconstructions(tmp_path, X, columns=0)

    class Wrong(TinyVAE):
        def traverse(self, x, dims, values):
            return np.zeros((len(values), len(dims), 6, 5, 1))

        def reconstruct(self, x):
            return x[:1]

    traversal = LatentTraversal(tmp_path, X[0])
    traversal.set_model(Wrong())
    with pytest.raises(ValueError, match=r"\(3, 9\)\. Received: .*\(9, 3, 6"):
        traversal.draw()
    reconstructions = Reconstructions(tmp_path, X)
    reconstructions.set_model(Wrong())
    with pytest.raises(ValueError, match="must keep the shape of the images"):
        reconstructions.draw()


def test_a_missing_pillow_is_noticed_before_the_first_step(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"Pillow.*pip install -e"):
        SampleGrid(tmp_path).on_train_begin()


def test_samples_of_four_channels(tmp_path):
    images = np.random.default_rng(0).uniform(size=(4, 3, 2, 4))
    callback = SampleGrid(tmp_path / "samples", num=4)
    callback.set_model(Fixed(images, value_range=(0, 1)))
    callback.on_epoch_end(0)
    callback.on_train_end()
    with Image.open(tmp_path / "samples" / "epoch_0001.png") as picture:
        assert picture.mode == "RGBA" and picture.size == (10, 12)
    assert (tmp_path / "samples.gif").exists()


class Fixed:
    """A model of given images, whose range may be known."""

    def __init__(self, images, **attributes):
        self.images = images
        self.latent_dim = len(images)
        vars(self).update(attributes)

    def sample(self, num, *, seed=None):
        return self.images[:num]

    def reconstruct(self, x):
        return x[::-1]

    def traverse(self, x, dims, values):
        return self.images[dims][:, None].repeat(len(values), axis=1)


def test_conditional_models_are_given_labels(tmp_path):
    seen = []

    class Conditional(Fixed):
        def reconstruct(self, x, labels):
            seen.append(labels)
            return super().reconstruct(x)

        def traverse(self, x, dims, values, labels):
            seen.append(labels)
            return super().traverse(x, dims, values)

    model = Conditional(np.ones((2, 4, 4, 1)))
    for callback in (
        Reconstructions(tmp_path, X[:2], labels=[3, 4]),
        LatentTraversal(tmp_path, X[0], labels=5),
    ):
        callback.set_model(model)
        callback.draw()
    assert seen == [[3, 4], 5]


def drawings(directory, model, images, **options):
    callbacks = (
        SampleGrid(directory, num=len(images), **options),
        Reconstructions(directory, images, **options),
        LatentTraversal(directory, images[0], **options),
    )
    for callback in callbacks:
        callback.set_model(model)
    return [callback.draw() for callback in callbacks]


def test_range_of_values_is_the_models(tmp_path):
    images = np.linspace(0, 1, 24 * 30).reshape(24, 6, 5, 1)
    symmetric = 2.0 * images - 1.0
    expected = drawings(tmp_path, Fixed(images), images)
    assert all(len(np.unique(picture)) > 200 for picture in expected)
    known = Fixed(symmetric, value_range=(-1.0, 1.0))
    for model, given, options in (
        (known, symmetric, {}),
        (Fixed(images, value_range=None), images, {}),
        # What is given goes before what the model says.
        (Fixed(symmetric), symmetric, {"value_range": (-1, 1)}),
        (Fixed(images, value_range=(-1, 1)), images, {"value_range": (0, 1)}),
    ):
        found = drawings(tmp_path, model, given, **options)
        for picture, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(picture, other)
    assert not np.array_equal(
        drawings(tmp_path, Fixed(symmetric), symmetric)[0], expected[0]
    )


def test_images_of_several_arrays_are_joined_side_by_side():
    """Each with those of its place; gray ones are given three channels."""
    gray = np.arange(4.0).reshape(2, 1, 2, 1)
    color = 10.0 + np.arange(6.0).reshape(2, 1, 1, 3)
    expected = [
        [[[0, 0, 0], [1, 1, 1], [10, 11, 12]]],
        [[[2, 2, 2], [3, 3, 3], [13, 14, 15]]],
    ]
    np.testing.assert_array_equal(side_by_side((gray, color)), expected)
    both = side_by_side((gray, gray[..., 0]))
    assert both.shape == (2, 1, 4, 1)
    np.testing.assert_array_equal(both[1].ravel(), [2, 3, 2, 3])


def test_samples_of_two_domains_are_side_by_side(tmp_path):
    a = np.zeros((3, 4, 5, 1))
    shapes = ((4, 5, 1), (4, 5, 1))
    model = Fixed(a, example_shape=shapes, sample=lambda *_, **__: (a, 1 - a))
    grid = SampleGrid(tmp_path, num=3, columns=3)
    grid.set_model(model)
    picture = grid.draw()
    assert picture.shape == (4 + 2 * 2, 3 * (10 + 2) + 2, 1)
    cell = picture[2:6, 2:12, 0]
    assert cell[:, :5].max() == 0 and cell[:, 5:].min() == 255
    points = Fixed(a, example_shape=((4, 5, 1), (7,)))
    with pytest.raises(ValueError, match="must be images"):
        grid.set_model(points)


def test_pictures_to_be_drawn_again_are_removed_at_once(tmp_path):
    fit([SampleGrid(tmp_path, num=4, gif=False)], epochs=4)
    grid = SampleGrid(tmp_path, num=4, gif=False)
    grid.on_train_begin()
    grid.on_epoch_begin(2)
    assert names(tmp_path) == ["epoch_0001.png", "epoch_0002.png"]
