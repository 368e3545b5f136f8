"""Classes go by their names: those that the user gives, and those of one source among another's."""

import json
import logging
import pickle
from pathlib import Path

import numpy as np
import pytest

from jaxcls.data.pipeline import Dataset, build_dataset
from jaxcls.data.sources import (
    CUB,
    ConcatDataset,
    CustomDataset,
    ImageNet,
    ImageNet21k,
    KFoldDataset,
    MultiLabelDataset,
    StanfordCars,
)
from jaxcls.data.sources.base import Source
from jaxcls.data.sources.labels import check_labels, in_terms_of
from jaxcls.errors import UserError
from tests.data.test_file_sources import cars, cub, names, touch  # noqa: F401 (fixtures)
from tests.data.test_wrappers import Listed

NUMBERS = tuple(map(str, range(1, 12)))


def folders(root, *classes):
    touch(root, *(f"{name}/{name}.png" for name in classes))
    return str(root)


@pytest.mark.parametrize("kind", [CustomDataset, ImageNet, ImageNet21k])
@pytest.mark.parametrize(
    ("there", "given", "files"),
    [
        (("cat", "dog"), ["dog", "cat"], ["dog/dog.png", "cat/cat.png"]),
        (("bird", "cat", "dog"), ["dog", "bird"], ["dog/dog.png", "bird/bird.png"]),
        (NUMBERS, NUMBERS, [f"{name}/{name}.png" for name in NUMBERS]),
        (NUMBERS, range(1, 12), [f"{name}/{name}.png" for name in NUMBERS]),
    ],
)
def test_class_folders_are_read_by_name_in_the_order_given(tmp_path, kind, there, given, files):
    source = kind(folders(tmp_path, *there), classes=given)
    assert source.classes == tuple(map(str, given))
    assert names(source) == files
    assert source.labels.tolist() == list(range(len(files)))


def test_a_name_is_the_same_in_both_forms_of_unicode(tmp_path):
    apart, whole = "cafe\u0301", "caf\u00e9"
    for form in (apart, whole):
        folders(tmp_path / form, "zebra", form)
    for form in (apart, whole):
        source = CustomDataset(str(tmp_path / apart), classes=["zebra", form])
        assert (source.classes, names(source)) == (("zebra", whole), ["zebra/zebra.png", f"{apart}/{apart}.png"])
        assert CustomDataset(str(tmp_path / form)).classes == (whole, "zebra")
    folders(tmp_path / whole, apart)
    with pytest.raises(UserError, match="two class folders whose names look the same"):
        CustomDataset(str(tmp_path / whole))


@pytest.mark.parametrize("kind", [CustomDataset, ImageNet, ImageNet21k])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["cat", "Dog"],
            r"2 class folders \('cat', 'dog'\), but 2 classes are given \('cat', 'Dog'\): there is no 'Dog'",
        ),
        (["cat", "dog", "emu"], "but 3 classes are given .*: there is no 'emu'"),
        (["cat", "dog", "cat"], "classes: 'cat' more than once"),
    ],
)
def test_other_classes_than_the_folders_are_refused(tmp_path, kind, given, message):
    with pytest.raises(UserError, match=message):
        kind(folders(tmp_path, "cat", "dog"), classes=given)


def test_sources_that_know_their_names_take_classes_by_name(cub, cars, tmp_path):  # noqa: F811
    birds = CUB(*cub, classes=["Sooty", "Laysan"])
    assert (birds.classes, birds.labels.tolist()) == (("Sooty", "Laysan"), [1, 0])
    assert names(CUB(*cub, classes=["Sooty"])) == ["002.Sooty/c.jpg"]
    assert StanfordCars(str(cars), classes=["Audi R8", "Acura"]).labels.tolist() == [0, 1]
    with pytest.raises(UserError, match="there is no 'Trabant'"):
        StanfordCars(str(cars), classes=["Trabant", "Acura"])
    content = {
        "metainfo": {"classes": ["A", "B", "C"]},
        "data_list": [{"img_path": "a.jpg", "gt_label": [0, 2]}, {"img_path": "b.jpg", "gt_label": ["B"]}],
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    several = MultiLabelDataset(str(tmp_path), str(path), classes=["C", "A", "B"])
    np.testing.assert_array_equal(several.labels, [[1, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(MultiLabelDataset(str(tmp_path), str(path), classes=["B"]).labels, [[0], [1]])


@pytest.mark.parametrize(
    ("own", "theirs", "labels"),
    [
        ("ba", "ab", [1, 0]),
        ("cb", "abc", [2, 1]),
        (NUMBERS, sorted(NUMBERS), [0, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2]),
        ("01", "cat", [0, 1]),  # numbers alone stand for the names of the other side
        ("ca", "01", [0, 1]),
        ("01", "012", [0, 1]),
        ("10", "01", [1, 0]),
    ],
)
def test_labels_in_terms_of_other_classes(own, theirs, labels):
    source = in_terms_of(Listed(range(len(own)), own), theirs, "val", "train")
    assert source.classes == tuple(theirs)
    assert source.labels.tolist() == [sample["label"] for sample in source] == labels
    assert list(pickle.loads(pickle.dumps(source)).labels) == labels


def test_several_labels_in_terms_of_other_classes():
    source = in_terms_of(Listed([[1, 0], [-1, 1]], "ca"), "abc", "val", "train")
    np.testing.assert_array_equal(source.labels, [[0, 0, 1], [1, 0, -1]])
    np.testing.assert_array_equal(source[1]["label"], [1, 0, -1])


@pytest.mark.parametrize(
    ("own", "theirs", "message"),
    [
        (["cat", "Dog"], ["cat", "dog"], "'cat', 'Dog' against 'cat', 'dog'; train has no 'Dog'"),
        ("bcd", "abc", "train has no 'd'"),
        ("123", "012", "train has no '3'"),  # folders of these names, not numbers alone
        ("56", "01", "train has no '5', '6'"),
        ("0123", "abc", "train has no '0'"),
        ("abcdefg", "z", "train has no 'a', 'b', 'c', 'd', 'e' and 2 more"),
        ("ab", "bab", "a name that is there twice"),
    ],
)
def test_other_classes_are_refused(own, theirs, message):
    with pytest.raises(UserError, match=f"val has other classes than train: .*{message}"):
        in_terms_of(Listed([0], own), theirs, "val", "train")


READ = [{"type": "LoadImageFromFile"}]


class Plain(Source):
    """Files as a source of a user's own gives them."""

    classes = ("a",)

    def __init__(self, root):
        self._paths = sorted(Path(root).glob("*/*.png"))

    @property
    def labels(self):
        return np.zeros(len(self), np.int32)

    def __len__(self):
        return len(self._paths)

    def __getitem__(self, index):
        return {"filename": str(self._paths[index]), "label": 0}


def fingerprints(root):
    """Of all kinds of sources of the folder's files; the first three list the same ones."""
    (root / "list.txt").write_text("".join(f"{path.relative_to(root)} 0\n" for path in sorted(root.glob("*/*"))))
    one = {"type": "CustomDataset", "data_prefix": str(root)}
    listed = {**one, "ann_file": str(root / "list.txt")}
    folds = [{"type": "KFoldDataset", "dataset": one, "fold": i, "num_splits": 2} for i in (0, 1)]
    nodes = [
        *(one, listed, {**listed, "type": "MultiLabelDataset"}),
        {"type": f"{__name__}:Plain", "root": str(root)},
        {"type": "RepeatDataset", "dataset": one, "times": 2},
        *folds,
        {"type": "ConcatDataset", "datasets": [one, {**one, "classes": ["dog"]}]},
    ]
    return [build_dataset({**node, "pipeline": READ}).source.names_digest() for node in nodes]


def test_a_fingerprint_follows_the_names_and_not_the_place(tmp_path):
    here, there = (Path(folders(tmp_path / place, "cat", "dog")) for place in ("a/deep", "b"))
    before = fingerprints(here)
    assert before == fingerprints(there)
    assert before[0] == before[1] == before[2]
    assert len(set(before[2:])) == len(before) - 2
    (there / "cat" / "cat.png").rename(there / "cat" / "tac.png")
    assert not set(before) & set(fingerprints(there))
    arrays = Listed([0, 1], "ab")
    assert arrays.names_digest() == Listed([1, 1], "ab", start=7).names_digest()  # images without names


def test_parts_of_a_concatenation_go_by_name():
    source = ConcatDataset([Listed([0, 1], "ba"), Listed([0, 1, 2], "abc"), Listed([0], "c")])
    assert source.classes == ("a", "b", "c")
    assert source.labels.tolist() == [sample["label"] for sample in source] == [1, 0, 0, 1, 2, 2]


def test_numbers_that_contradict_the_folders_are_refused(tmp_path):
    root = folders(tmp_path, "cat", "dog")
    message = r"val: .*cat\.png has the label 1, which is 'dog' in train, but lies in folder 'cat'"
    for text, fits in (("dog/dog.png 0\ncat/cat.png 1\n", False), ("dog/dog.png 1\ncat/cat.png 0\n", True)):
        (tmp_path / "list.txt").write_text(text)
        source = KFoldDataset(CustomDataset(root, str(tmp_path / "list.txt")), num_splits=2)
        if fits:
            assert in_terms_of(source, ("cat", "dog"), "val", "train").classes == ("cat", "dog")
            continue
        with pytest.raises(UserError, match=message):
            in_terms_of(source, ("cat", "dog"), "val", "train")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], "labels go from 0 to 3; expected 3 classes, 0 to 2"),
        ([-1, 0], "labels go from -1 to 0"),
        ([[0, 1, 2]], "labels go from 0 to 2; expected 1, 0, or -1"),
        ([[0, 1]], r"labels \(1, 2\); expected \(1,\), or \(1, 3\)"),
    ],
)
def test_labels_have_to_fit_their_own_classes(labels, message):
    with pytest.raises(UserError, match=f"val: {message}"):
        check_labels(Listed(labels), "val")
    source = Listed([0, 1])
    source._labels = np.array([0.5, 1.0])
    with pytest.raises(UserError, match="labels are float64; expected integers"):
        check_labels(source, "val")


def test_a_dataset_says_which_classes_have_no_image(caplog):
    """As a fold of sorted images, or a part of a set whose every part knows all classes."""
    for labels in ([0, 2, 2], [[1, -1, 0], [0, 0, 1]]):
        caplog.clear()
        Dataset(Listed(labels, "abc")).in_terms_of("abc", "data.val", "data.train")
        assert "data.val lacks 1 of the 3 classes of data.train: 'b'" in caplog.text
    with pytest.raises(UserError, match=r"data\.val: labels go from 0 to 3; expected 3 classes, 0 to 2"):
        Dataset(Listed([0, 3], "abc")).in_terms_of("abc", "data.val", "data.train")


def test_a_dataset_says_what_it_lacks(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("jaxcls"), "propagate", True)
    dataset = build_dataset({"type": "tests.data.test_wrappers:Listed", "labels": [0, 1], "classes": "ca"})
    assert dataset.in_terms_of("abc", "data.val", "data.train").labels.tolist() == [2, 0]
    assert "data.val lacks 1 of the 3 classes of data.train: 'b'" in caplog.text
    dataset.in_terms_of("0123", "data.val", "the checkpoint")
    assert "data.val or the checkpoint does not name its classes: labels go by their numbers" in caplog.text
