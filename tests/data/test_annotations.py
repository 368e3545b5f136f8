"""What users write by hand: annotation files, class names."""

from __future__ import annotations

import contextlib
import json
import logging
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jaxcls.data.sources import CUB, VOC, CustomDataset, ImageNet21k, MultiLabelDataset, StanfordCars
from jaxcls.errors import UserError
from tests.fuzz.mutations import examples

few = examples(60)


@pytest.fixture
def write(tmp_path):
    """Writes a file and gives its path."""

    def write(content, name="list.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def read(path, classes=None):
    """(names, labels) of an annotation file with one label a line."""
    source = CustomDataset(".", path, classes)
    return [sample["filename"].rpartition("/")[2] for sample in source], source.labels.tolist()


@pytest.mark.parametrize(
    ("content", "names", "labels"),
    [
        (b"a.png 0\nb.png 1\n", ["a.png", "b.png"], [0, 1]),
        (b"\xef\xbb\xbfa.png 0\nb.png 1", ["a.png", "b.png"], [0, 1]),
        (b"\xef\xbb\xbfa.png 0\n\xef\xbb\xbfb.png 1", ["a.png", "b.png"], [0, 1]),
        (b"a.png 0\r\nb.png 1\r\n", ["a.png", "b.png"], [0, 1]),
        (b"a.png 0\rb.png 1", ["a.png", "b.png"], [0, 1]),
        (b"a.png\t0\nb.png \t 1", ["a.png", "b.png"], [0, 1]),
        (b"  a.png 0  \n\n   \nb.png 1\t\n\n\n", ["a.png", "b.png"], [0, 1]),
        (b"my cat 2.png 0\nb c.png 1", ["my cat 2.png", "b c.png"], [0, 1]),
        (b"no suffix 1 0\nb 007", ["no suffix 1", "b"], [0, 7]),
        ("ä\u2028ü.png 0".encode(), ["ä\u2028ü.png"], [0]),
        (b"a.png 0\na.png 0", ["a.png", "a.png"], [0, 0]),
    ],
    ids=["plain", "BOM", "two BOMs", "Windows", "old Mac", "tabs", "blanks", "names", "no suffix", "Unicode", "twice"],
)
def test_lines_that_are_read(write, content, names, labels):
    assert read(write(content)) == (names, labels)


WRONG = [
    ("a.png 0 1614860000", r"'a\.png 0 1614860000': expected 'path label'"),
    ("a.png 0 1", r"'a\.png 0 1': expected 'path label'"),
    ("a.png 0, 1", "expected 'path label'"),
    ("a.png -1", "expected 'path label', the label a whole number"),
    ("a.png 1.0", "expected 'path label'"),
    ("a.png 1e3", "expected 'path label'"),
    ("a.png cat", "expected 'path label'"),
    ("a.png,1", "expected 'path label'"),
    ("a.png", "expected 'path label'"),
    ("7", "expected 'path label'"),
    ("a.png ²", "expected 'path label'"),
    ("a.png ٣", "expected 'path label'"),
    (f"a.png {'9' * 5000}", "expected 'path label'"),
    ("a.png 1614860000", "label 1614860000, far beyond the number of different labels"),
    ("a.png 99999999999999", "label 99999999999999, far beyond"),
]


@pytest.mark.parametrize(("line", "message"), WRONG)
def test_lines_that_are_refused(write, line, message):
    path = write(f"x.png 0\n\n{line}\nx.png 0\n")
    for source in (CustomDataset, ImageNet21k):
        tracemalloc.start()
        with pytest.raises(UserError, match=rf"^{path}:3: .*{message}") as error:
            source(".", path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
        tracemalloc.stop()
        assert len(str(error.value)) < 500


def test_labels_beyond_the_names(write):
    path = write("a.png 0\nb.png 1614860000\nc.png 2\n")
    with pytest.raises(UserError) as error:
        CustomDataset(".", path, ["x", "y"])
    expected = [f"{path}:{n}: label {v}, but there are 2 classes: 0..1" for n, v in ((2, 1614860000), (3, 2))]
    assert str(error.value).splitlines() == expected


def test_few_images_of_many_classes(write):
    assert CustomDataset(".", write("a.png 0\nb.png 999\n")).classes[-1] == "999"


def test_all_wrong_lines_are_in_one_message_of_bounded_length(write):
    path = write("".join(f"{'x' * 1000}{i}\n" for i in range(100)))
    with pytest.raises(UserError) as error:
        CustomDataset(".", path)
    lines = str(error.value).splitlines()
    assert [line.partition(": ")[0] for line in lines[:5]] == [f"{path}:{n}" for n in range(1, 6)]
    assert lines[5:] == ["and 95 more like these"]
    assert len(str(error.value)) < 1500


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no annotations in it"),
        (b"\xef\xbb\xbf\r\n \n", "no annotations in it"),
        ("a.png 0".encode("utf-16"), "UTF-16, or no text at all; expected a text file, saved as UTF-8"),
        ("a.png 0".encode("utf-16-be"), "UTF-16, or no text"),
        (b"a.png 0\nb\0.png 1", "UTF-16, or no text"),
        (b"a.png 0\n\xe9t\xe9.png 1", r":2: byte 0xe9 is not UTF-8"),
    ],
)
def test_files_that_are_refused(write, content, message):
    path = write(content)
    for read_file in (lambda: CustomDataset(".", path), lambda: MultiLabelDataset(".", path)):
        with pytest.raises(UserError, match=f"^{path}.*{message}"):
            read_file()


def test_a_folder_or_nothing_in_place_of_a_file(tmp_path):
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        CustomDataset(".", str(tmp_path))
    with pytest.raises(UserError, match="cannot be read: File name too long"):
        CustomDataset(".", "x" * 300)


def test_images_that_are_listed_twice(write, caplog):
    path = write("a.png 0\nb.png 1\na.png 0\nb.png 0\nc.png 1\n")
    with caplog.at_level(logging.WARNING):
        assert len(CustomDataset(".", path)) == 5
    (message,) = [record.getMessage() for record in caplog.records]
    assert message == f"{path}: images listed more than once: 2 ('a.png', 'b.png'); with different labels: 'b.png'"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cat\n\ndog\n", "name 2 is '', expected text"),
        (b"cat\ndog\ncat\n", "'cat' more than once"),
        (b"", "no class names in it"),
        ("cat\ndog".encode("utf-16"), "UTF-16"),
    ],
)
def test_class_files_that_are_refused(write, content, message):
    path = write(content, "names.txt")
    with pytest.raises(UserError, match=f"^{path}.*{message}"):
        CustomDataset(".", write("a.png 0"), path)


@pytest.mark.parametrize("classes", [[], ["a", 3.5], ["a", "a"], ["1", 1], ["a", ""]])
def test_class_lists_that_are_refused(write, classes):
    with pytest.raises(UserError, match=r"^classes"):
        CustomDataset(".", write("a.png 0"), classes)


def test_a_class_file_with_a_mark_and_windows_lines(write):
    path = write("\ufeffcat\r\ndog\r\n", "names.txt")
    assert CustomDataset(".", write("a.png 1"), path).classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png 0,1614860000", r"'a\.png': label 1614860000, far beyond"),
        ("a.png 0, 1", "expected 'path label,label,...'"),
        ("a.png 0,,1", "expected 'path label,label,...'"),
        ("a.png 0 1,2", "expected 'path label,label,...'"),
        ("a.png -1", "expected 'path label,label,...'"),
    ],
)
def test_multi_label_lines_that_are_refused(write, line, message):
    path = write(f"x.png 0\n{line}\n")
    with pytest.raises(UserError, match=rf"^{path}:2: .*{message}"):
        MultiLabelDataset(".", path)


def test_multi_label_lines_that_are_read(write):
    source = MultiLabelDataset(".", write("\ufeffa b.png\t0,2\r\n\r\nc.png -\r\n"))
    assert source.labels.tolist() == [[1, 0, 1], [0, 0, 0]]


def content(*labels, **metainfo):
    entries = [{"img_path": f"{i}.png", "gt_label": label} for i, label in enumerate(labels)]
    return {"metainfo": metainfo, "data_list": entries}


ENTRY = r"data_list\[0\]: .*: expected {\"img_path\""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (content(["dog", "cat"]), r"labels are names \('cat', 'dog'\), but nothing says which number each has: add"),
        (content([1614860000]), "label 1614860000, far beyond"),
        (content([2], classes=["a", "b"]), r"data_list\[0\]: '0\.png': label 2, but the classes are 0\.\.1"),
        (content([-1], classes=["a", "b"]), "label -1, but the classes"),
        (content(["c"], classes=["a", "b"]), r"label 'c', but the classes are 0\.\.1 \('a', 'b'\)"),
        (content([True], classes=["a", "b"]), ENTRY),
        (content([1.0], classes=["a", "b"]), ENTRY),
        (content([[0]]), ENTRY),
        (content(3), ENTRY),
        (content("cat"), ENTRY),
        (content(None), ENTRY),
        (content([0], classes="cat"), r'metainfo: .*"cat".*: expected {"classes": \[names\]}'),
        (content([0], classes=[]), "metainfo: classes: no class names in it"),
        (content([0], classes=["\ud800"]), r"metainfo: classes: name 1 is '\\ud800', expected text"),
        ({"data_list": [{"img_path": "\ud800", "gt_label": [0]}]}, ENTRY),
        (content([0], classes=["a", "a"]), "metainfo: classes: 'a' more than once"),
        (content([0], classes=[None]), "metainfo: classes: name 1 is None, expected text"),
        ({"metainfo": ["a"], "data_list": [{"img_path": "a", "gt_label": [0]}]}, "metainfo: .*expected {"),
        ({"data_list": [{"gt_label": [0]}]}, ENTRY),
        ({"data_list": [{"img_path": 3, "gt_label": [0]}]}, ENTRY),
        ({"data_list": ["a.png"]}, ENTRY),
        ({"data_list": {}}, "expected JSON with data_list, a list of"),
        ({"data_list": []}, "no annotations in it"),
        ([], "expected JSON with data_list"),
        (3, "expected JSON with data_list"),
    ],
)
def test_json_that_is_refused(write, value, message):
    path = write(json.dumps(value), "a.json")
    with pytest.raises(UserError, match=rf"^{path}: .*{message}"):
        MultiLabelDataset(".", path)


def test_json_that_is_no_json(write):
    for text in ("[" * 100_000, "{", '{"data_list": [NaN', b"\xff\xfe{\0}\0"):
        with pytest.raises(UserError, match=r"a\.json"):
            MultiLabelDataset(".", write(text, "a.json"))


def test_json_labels_go_by_name(write):
    path = write("\ufeff" + json.dumps(content([0, 2], ["B"], classes=["A", "B", "C"])), "a.JSON")
    assert MultiLabelDataset(".", path).labels.tolist() == [[1, 0, 1], [0, 1, 0]]
    reordered = MultiLabelDataset(".", path, ["C", "A", "B"])
    assert (reordered.classes, reordered.labels.tolist()) == (("C", "A", "B"), [[1, 1, 0], [0, 0, 1]])
    assert MultiLabelDataset(".", path, ["C"]).labels.tolist() == [[1], [0]]
    with pytest.raises(UserError, match=r"there is no 'D'; expected the same names"):
        MultiLabelDataset(".", path, ["A", "B", "D"])


def test_json_with_names_and_given_classes(write):
    source = MultiLabelDataset(".", write(json.dumps(content(["dog"], [0])), "a.json"), ["cat", "dog"])
    assert source.labels.tolist() == [[0, 1], [1, 0]]


columns = st.text(max_size=12)
lines = st.lists(
    st.one_of(
        columns,
        st.tuples(columns, st.sampled_from([" ", "\t", "  "]), st.integers(-2, 10**12)).map(
            lambda t: "".join(map(str, t))
        ),
        st.tuples(st.sampled_from(["a.png", "b c.jpg"]), st.integers(0, 30)).map(lambda t: f"{t[0]} {t[1]}"),
    ),
    max_size=6,
)
texts = st.one_of(
    st.binary(max_size=60), st.tuples(lines, st.sampled_from(["\n", "\r\n"])).map(lambda t: t[1].join(t[0]).encode())
)


@few
@given(texts, st.sampled_from([None, ["a"], ["a", "b", "c"]]), st.sampled_from([CustomDataset, MultiLabelDataset]))
@example(b"a.png 0 1614860000", None, CustomDataset)
def test_any_text_is_read_or_refused(tmp_path_factory, text, classes, kind):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(text)
    check(lambda: kind(".", str(path), classes), str(path))


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 10**10), st.floats(), columns, st.text(st.characters())),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(columns, inner, max_size=3)),
    max_leaves=6,
)
entries = st.fixed_dictionaries(
    {"img_path": st.one_of(columns, values), "gt_label": st.one_of(st.lists(st.integers(0, 9)), values)}
)
documents = st.one_of(
    values,
    st.fixed_dictionaries(
        {"data_list": st.one_of(st.lists(entries, max_size=3), values)},
        optional={
            "metainfo": st.one_of(st.fixed_dictionaries({"classes": st.one_of(st.lists(columns), values)}), values)
        },
    ),
)


@few
@given(documents, st.sampled_from([None, ["a"], ["a", "b"]]))
def test_any_json_is_read_or_refused(tmp_path_factory, document, classes):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    check(lambda: MultiLabelDataset(".", str(path), classes), str(path))


tables = st.lists(st.tuples(st.integers(0, 3), st.one_of(st.integers(-1, 10**10), columns)), max_size=4)


@few
@given(
    st.lists(
        st.one_of(texts, tables.map(lambda rows: "\n".join(f"{a} {b}" for a, b in rows).encode())),
        min_size=3,
        max_size=3,
    )
)
@example([b"1 001.a/x.jpg\n2 001.a/y.jpg", b"1 1\n2 1", b"1 1\n2 0"])
def test_any_text_of_the_other_files_is_read_or_refused(tmp_path_factory, contents):
    folder = tmp_path_factory.getbasetemp()
    paths = [str(folder / f"any{i}.txt") for i in range(3)]
    for path, content in zip(paths, contents, strict=True):
        with open(path, "wb") as file:
            file.write(content)
    (folder / "one.txt").write_text("a.png 0\n")
    makers = (
        lambda: CUB(".", *paths),
        lambda: VOC(".", paths[0]),
        lambda: CustomDataset(".", str(folder / "one.txt"), paths[0]),
    )
    for make in makers:
        with contextlib.suppress(UserError):
            source = make()
            assert source.labels.max(initial=0) < max(len(source.classes), 1)


def check(make, path):
    """A source whose labels fit its classes, or a message that names the file."""
    refused, source = None, None
    try:
        source = make()
    except UserError as error:
        refused = str(error)
    if source is None:
        assert path in refused
        assert len(refused) < 3000
        return
    assert len(source) > 0
    assert all(isinstance(sample["filename"], str) for sample in source)
    assert len(source.classes) <= 100_000
    if source.labels.ndim == 2:
        assert source.labels.shape == (len(source), len(source.classes))
        assert np.isin(source.labels, (0, 1)).all()
    else:
        assert 0 <= source.labels.min() <= source.labels.max() < len(source.classes)


CUB_FILES = {"images": "1 001.Laysan/a.jpg\n2 002.Sooty/c.jpg\n", "labels": "1 1\n2 2\n", "split": "1 1\n2 0\n"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"labels": "1 1\n2 two\n"},
            r"labels\.txt:2: expected two columns, .* and a class number from 1 on; got '2 two'",
        ),
        ({"labels": "1 1\n2 0\n"}, r"labels\.txt:2: expected two columns"),
        ({"labels": "1 1\n2 161486000\n"}, "no image is of class 2, but the largest number is 161486000"),
        ({"labels": "1 1\n3 2\n"}, r"only one of .*images\.txt and .*labels\.txt has the images '2', '3'"),
        ({"split": "1 1\n2 2\n"}, r"split\.txt:2: expected two columns, .* and 1 for training or 0 for testing"),
        ({"split": "1 1\n1 0\n"}, r"split\.txt:2: image 1 is there already"),
        ({"images": "1\n2\n"}, r"images\.txt:1: .*\n.*images\.txt:2: "),
    ],
)
def test_cub_files(write, changed, message):
    paths = [write(text, f"{name}.txt") for name, text in {**CUB_FILES, **changed}.items()]
    with pytest.raises(UserError, match=message):
        CUB(".", *paths)


def test_cub_files_with_windows_lines_and_marks(write):
    paths = [write("\ufeff" + text.replace("\n", "\r\n"), f"{name}.txt") for name, text in CUB_FILES.items()]
    source = CUB(".", *paths)
    assert (source.classes, source.labels.tolist()) == (("Laysan", "Sooty"), [0])


def test_voc_names_all_files_that_cannot_be_read(tmp_path, write, caplog):
    (tmp_path / "Annotations").mkdir()
    write("<annotation><object><name>unicorn</name></object></annotation>", "Annotations/1.xml")
    with pytest.raises(UserError, match=r"2\.xml: cannot be read: .*\n.*3\.xml: cannot be read"):
        VOC(str(tmp_path), write("1\n2\n3\n"))
    with pytest.raises(UserError, match="no image numbers in it"):
        VOC(str(tmp_path), write(""))
    with pytest.raises(UserError, match="difficult_as_postive='yes': expected None, True or False"):
        VOC(str(tmp_path), write("1"), difficult_as_postive="yes")
    with caplog.at_level(logging.WARNING):
        VOC(str(tmp_path), write("1\n"))
    assert "objects that are of none of VOC's classes count for nothing: 'unicorn'" in caplog.text
    write(b'<?xml version="1.0" encoding="nonsense"?><a/>', "Annotations/1.xml")
    with pytest.raises(UserError, match=r"1\.xml: cannot be read"):
        VOC(str(tmp_path), write("1\n"))


@pytest.mark.parametrize("damage", [b"", b"no MATLAB", b"MATLAB 5.0" + bytes(300)])
def test_cars_damaged_annotations(tmp_path, write, damage):
    (tmp_path / "devkit").mkdir()
    write(damage, "devkit/cars_train_annos.mat")
    with pytest.raises(UserError, match=r"cars_train_annos\.mat: expected a MATLAB file"):
        StanfordCars(str(tmp_path))
