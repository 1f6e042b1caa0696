"""A folder of pictures with a table of attributes, as people have them."""

import unicodedata

import numpy as np
import pytest

from keras_gen import data
from keras_gen.data import pipelines
from tests.data.picture_files import save

TABLE = "file,smiling,young\na.png,1,0\nb.png,0,0\nc.png,1,1\n"
ROWS = [[1, 0], [0, 0], [1, 1]]


def load(root, split="train", **options):
    return data.load("attributes", split, data_dir=root, **options)


def rows(*arguments, **options):
    """The value and the attributes of each picture."""
    return {
        int(row["image"].flat[0]): row["attributes"].tolist()
        for row in load(*arguments, **options).as_numpy_iterator()
    }


def write(root, text, name="attributes.csv", encoding="utf-8"):
    (root / name).write_bytes(text.encode(encoding))


@pytest.fixture
def three(tmp_path):
    """Three pictures, whose values are 0, 1 and 2, and their table."""
    for value, name in enumerate("abc"):
        save(tmp_path / f"{name}.png", value)
    write(tmp_path, TABLE)
    return tmp_path


def test_pictures_come_with_their_attributes(three):
    dataset = load(three)
    assert rows(three) == dict(enumerate(ROWS))
    assert data.attribute_names(dataset) == ("smiling", "young")
    spec = dataset.element_spec
    assert set(spec) == {"image", "attributes"}
    assert spec["attributes"].dtype == "int64"
    assert spec["attributes"].shape == (2,)
    assert rows(three, "train[1:]") == {1: [0, 0], 2: [1, 1]}
    assert data.attribute_names(load(three, "train[1:]")) == (
        "smiling",
        "young",
    )
    assert data.split_sizes("attributes", data_dir=three) == {
        "train": 3,
        "all": 3,
    }
    small = load(three, image_size=(2, 3), channels=1)
    assert small.element_spec["image"].shape == (2, 3, 1)


@pytest.mark.parametrize("memory", [0, 2**29])
def test_batches_keep_the_attributes_with_their_pictures(
    three, monkeypatch, memory
):
    monkeypatch.setattr(pipelines, "_MEMORY", memory)
    made = data.pipeline(
        load(three), 3, features=("image", "attributes"), image_size=4
    )
    for x, y in made.dataset.take(4).as_numpy_iterator():
        values = np.rint(255 * x[:, 0, 0, 0]).astype(int)
        assert sorted(values) == [0, 1, 2]
        np.testing.assert_array_equal(y, np.array(ROWS)[values])


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.replace(",", ";"),
        lambda table: table.replace(",", "\t"),
        lambda table: table.replace(",", ", "),
        lambda table: table.replace(",0", ",-1"),
        lambda table: table.replace(",0", ",0.0").replace(",1", ",1.0"),
        lambda table: table.replace(",0", ",False").replace(",1", ",TRUE"),
        lambda table: table.replace(".png", ""),
        lambda table: table.replace(".png", ".jpg"),
        lambda table: table.replace("\n", "\r\n"),
        lambda table: table.replace("\n", "\n\n") + ",,\n",
        lambda table: "\ufeff" + table.replace("file", '"file, or path"'),
        lambda table: table.replace("a.png", '"a.png"').replace("1", ' "1"'),
        lambda table: table.replace("b.png", "./b.png"),
        lambda table: table + "no picture.png,1,1\n",
    ],
)
def test_tables_may_be_written_in_many_ways(three, change):
    assert change(TABLE) != TABLE
    write(three, change(TABLE))
    assert rows(three) == dict(enumerate(ROWS))
    assert data.attribute_names(load(three)) == ("smiling", "young")


def test_words_become_an_attribute_each(three):
    write(
        three,
        "file,hair,smiling,kind\n"
        "c,jet black,1,x\nb,blond,1,x\nunseen,brown,0,x\na,blond,0,x\n",
    )
    assert data.attribute_names(load(three)) == (
        *("hair=blond", "hair=brown", "hair=jet black"),
        *("smiling", "kind=x"),
    )
    assert rows(three) == {
        0: [1, 0, 0, 0, 1],
        1: [1, 0, 0, 1, 1],
        2: [0, 0, 1, 1, 1],
    }


def test_splits_and_subfolders(tmp_path):
    paths = ("train/x/1.png", "train/x/2.png", "train/y/1.png", "test/3.png")
    for value, path in enumerate(paths):
        save(tmp_path / path, value)
    # By the whole path, below the split, or by as much as is unambiguous.
    write(tmp_path, "file,on\ntrain/x/1.png,1\nx\\2,0\ny/1.png,0\n3.png,1\n")
    assert rows(tmp_path) == {0: [1], 1: [0], 2: [0]}
    assert rows(tmp_path, "test") == {3: [1]}
    assert rows(tmp_path, "all") == {0: [1], 1: [0], 2: [0], 3: [1]}
    assert data.split_sizes("attributes", data_dir=tmp_path) == {
        "train": 3,
        "test": 1,
        "all": 4,
    }


def test_a_whole_path_is_preferred(tmp_path):
    save(tmp_path / "1.png", 5)
    save(tmp_path / "sub" / "1.png", 6)
    write(tmp_path, "file,on\n1.png,0\nsub/1.png,1\n")
    assert rows(tmp_path) == {5: [0], 6: [1]}


def test_names_of_any_letters(tmp_path):
    names = ["two words.png", "v1.2.png", "größe.png", "写真.png"]
    for value, name in enumerate(names):
        save(tmp_path / unicodedata.normalize("NFD", name), value)
    # Of those without their ending, none has another cut off.
    table = [f"{name[:-4]},{i % 2}" for i, name in enumerate(names)]
    write(tmp_path, "\n".join(["файл,улыбка", *table]), encoding="utf-8-sig")
    assert rows(tmp_path) == {0: [0], 1: [1], 2: [0], 3: [1]}
    assert data.attribute_names(load(tmp_path)) == ("улыбка",)


@pytest.mark.parametrize("suffix", ["txt", "csv"])
def test_celeba_is_read_as_it_comes(tmp_path, suffix):
    for value in range(3):
        save(tmp_path / "img_align_celeba" / f"{value:06d}.jpg", 50 * value)
    table = (
        "4\nBald Big_Nose Young \n"
        "000000.jpg -1  1 -1\n000001.jpg  1 -1 -1\n"
        "000002.jpg  1  1  1\n000003.jpg -1 -1 -1\n"
    )
    if suffix == "csv":
        lines = [line.split() for line in table.splitlines()[1:]]
        lines[0].insert(0, "image_id")
        table = "".join(",".join(line) + "\n" for line in lines)
    name = f"list_attr_celeba.{suffix}"
    write(tmp_path, table, name)
    assert data.attribute_names(load(tmp_path)) == ("Bald", "Big_Nose", "Young")
    assert rows(tmp_path) == {0: [0, 1, 0], 50: [1, 0, 0], 100: [1, 1, 1]}
    write(tmp_path, table.replace("\n", "\r\n"), name)
    assert rows(tmp_path) == {0: [0, 1, 0], 50: [1, 0, 0], 100: [1, 1, 1]}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "must begin with a header: .*Received: \\['file'\\]"),
        ("1\nBald Young\n", "Received: the header alone"),
        ("1\nBald Young\na.png 1 -1\nb.png 1\n", "Received: 2 in line 4"),
    ],
)
def test_errors_in_celebas_table_are_named(three, table, words):
    (three / "attributes.csv").unlink()
    write(three, table, "list_attr_celeba.txt")
    with pytest.raises(ValueError, match=words):
        load(three)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "must begin with a header: .*Received: \\[\\]"),
        ("file\na\nb\nc\n", "one for each attribute.*\\['file'\\]"),
        ("file,x,\na,1,\n", "\\['file', 'x', ''\\]. Name each column"),
        ("file,x\n", "a row for each picture. Received: the header alone"),
        ("file,x\na,1\nc,1,1\n", "2. Received: 3 in line 3 of '.*butes.csv'"),
        ("file,x,y\na,1\n", "the header, 3. Received: 2 in line 2"),
        ("file,x,y\n\na,1,\n", "Received: none for 'y' in line 3"),
        ("file,x\n,1\n", "Received: none for 'file' in line 2"),
        ("file,x\na.png,1\na.jpg,1\n", "'a.jpg' again in line 3.*Remove one"),
        ("file,x\na,1\n", "of 'a'. Received: '.*/b.png' without \\(2 in all"),
        ("file,x\nz/d,1\n", "of 'z/d'. Received: '.*/a.png' without \\(3 in"),
        ("file,x,x\na,1,1\n", "differ in their names. Received: 'x' twice"),
        ("file,x,x=y\na,y,1\n", "Received: 'x=y' twice"),
        ("file,x\na,0\nb,1\nc,2\n", "\\['0', '1', '2'\\] in the column 'x'"),
        ("file,x\na,0\nb,1\nc,-1\n", "Received: \\['-1', '0', '1'\\]"),
        ("file,x\na,0\nb,true\n", "Received: \\['0', 'true'\\]"),
        ("file,x\na,red\nb,true\n", "Received: \\['red', 'true'\\]"),
        ("file,x\na,red\nb,0.5\n", "words alone. Received: \\['0.5', 'red'"),
        ("file,x\na,nan\nb,1\n", "words alone. Received: \\['1', 'nan'"),
        (
            "file,x\n" + "".join(f"{i},w{i}\n" for i in range(51)),
            "at most 50 different words. Received: 51 in the column 'x'",
        ),
        ('file,x\na,"1\n' + 99_999 * "b,1\n", "a table in UTF-8.*field la"),
    ],
)
def test_errors_in_a_table_are_named(three, table, words):
    write(three, table)
    with pytest.raises(ValueError, match=words):
        load(three)


def test_fifty_words_are_few(three):
    table = "".join(f"{i},w{i}\n" for i in range(49)) + "a,x\nb,x\nc,x\n"
    write(three, "file,x\n" + table)
    assert len(data.attribute_names(load(three))) == 50


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_are_refused(three, encoding):
    write(three, TABLE.replace("young", "jünger"), encoding=encoding)
    with pytest.raises(ValueError, match="in UTF-8. Received: 'utf-8' codec"):
        load(three)


@pytest.mark.parametrize(
    ("paths", "table"),
    [
        (("train/1.png", "test/1.png"), "file,x\n1.png,1\n"),
        (("1.png", "sub/1.png"), "file,x\n1.png,1\n"),
        (("1.png", "1.jpg"), "file,x\n1,1\n"),
    ],
)
def test_a_row_for_two_pictures_is_refused(tmp_path, paths, table):
    for path in paths:
        save(tmp_path / path, 1)
    write(tmp_path, table)
    with pytest.raises(ValueError, match="one row of .* for '.*1.*' and '.*1"):
        load(tmp_path)


def test_folders_without_pictures_or_a_table(tmp_path):
    with pytest.raises(ValueError, match="which is no folder"):
        data.load("attributes")
    write(tmp_path, TABLE)
    with pytest.raises(ValueError, match="must hold pictures"):
        load(tmp_path)
    save(tmp_path / "train" / "a.png", 1)
    (tmp_path / "attributes.csv").unlink()
    with pytest.raises(ValueError, match="a table 'attributes.csv'.*none. Wr"):
        load(tmp_path)
    write(tmp_path, TABLE)
    save(tmp_path / "b.png", 1)
    with pytest.raises(ValueError, match="/b.png' beside them"):
        load(tmp_path)


def test_only_named_attributes_have_names(three):
    scenes = data.load("scenes", "test[:1]")
    for dataset in (scenes, load(three).take(1), None):
        with pytest.raises(ValueError, match="`dataset` must be.*Received: "):
            data.attribute_names(dataset)
    with pytest.raises(
        ValueError, match="a data set of .'attributes', .*'image'"
    ):
        data.attribute_names(scenes)
