import os

import pytest

from keras_gen.files import atomic_path, remove_leftovers


def test_file_appears_whole_at_the_end(tmp_path):
    path = tmp_path / "new" / "notes.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
    assert path.read_text() == "new"
    with atomic_path(str(path)) as temporary:
        temporary.write_text("newer")
        assert path.read_text() == "new"
    assert path.read_text() == "newer"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("moment", ["write", "fsync", "replace"])
def test_failure_leaves_the_old_file(tmp_path, monkeypatch, moment):
    path = tmp_path / "notes.txt"
    path.write_text("old")

    def fail(*_):
        raise KeyboardInterrupt

    if moment != "write":
        monkeypatch.setattr(os, moment, fail)
    with pytest.raises(KeyboardInterrupt):
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            if moment == "write":
                fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_the_pattern_are_removed(tmp_path):
    for name in (
        ".epoch_0001.png.tmp-0a1b2c3d.png",
        ".other.png.tmp-0a1b2c3d.png",
        "epoch_0001.png",
        ".epoch_0001.png",
    ):
        (tmp_path / name).write_text("")
    remove_leftovers(tmp_path, "epoch_*.png")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        ".epoch_0001.png",
        ".other.png.tmp-0a1b2c3d.png",
        "epoch_0001.png",
    ]
    remove_leftovers(tmp_path / "missing", "*")
