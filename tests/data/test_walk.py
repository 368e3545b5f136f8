"""Which files of a folder tree are read, and what is said about the others."""

from __future__ import annotations

import logging
import os
import pickle
import re

import pytest

from jaxcls.data.sources import CustomDataset, ImageNet21k
from jaxcls.errors import UserError
from jaxcls.tools.verify_dataset import damaged_images


@pytest.fixture
def root(tmp_path):
    """`root/cat` and `root/dog` with two images each, beside `elsewhere`."""
    touch(tmp_path / "root", "cat/a.png", "cat/sub/b.png", "dog/c.png", "dog/sub/d.png")
    touch(tmp_path / "elsewhere", "e.png", "deep/f.png")
    return tmp_path / "root"


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def link(place, target):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def images(root, kind=CustomDataset, **arguments):
    """`cat` -> its images, ...; relative paths."""
    source = kind(str(root), **arguments)
    found = {name: [] for name in source.classes}
    for sample in source:
        found[source.classes[sample["label"]]].append(os.path.relpath(sample["filename"], root))
    assert [list(pickle.loads(pickle.dumps(source)))] == [list(source)]
    return found


PLAIN = {"cat": ["cat/a.png", "cat/sub/b.png"], "dog": ["dog/c.png", "dog/sub/d.png"]}


@pytest.mark.parametrize("kind", [CustomDataset, ImageNet21k])
def test_hidden_ones_are_left_out_at_every_depth(root, caplog, kind):
    touch(root, "cat/.ipynb_checkpoints/a-checkpoint.png", "cat/sub/.x/y/z.png", "cat/sub/.b.png", ".git/g.png")
    touch(root, "cat/.DS_Store")
    with caplog.at_level(logging.WARNING):
        assert images(root, kind) == PLAIN
    assert caplog.records[0].getMessage() == f"{root}: left out: hidden images and folders: 3"


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("cat/self", "."),
        ("cat/sub/self", "."),
        ("cat/sub/up", ".."),
        ("cat/root", ".."),
        ("cat/above", "../.."),
        ("cat/all", "/"),
        ("cat/sibling", "../dog"),
        ("cat/of_sibling", "../dog/sub"),
        ("dog/of_sibling", "../cat/sub"),
        ("cat/own", "sub"),
    ],
)
def test_links_that_are_not_followed(root, caplog, place, target):
    link(root / place, target)
    with caplog.at_level(logging.WARNING):
        assert images(root) == PLAIN
    (record,) = caplog.records
    assert record.getMessage().endswith(f"links to folders that have their place here, or hold this one: {place!r}")


def test_links_to_a_class_that_is_not_read(root):
    link(root / "cat/sibling", "../dog")
    link(root / "cat/of_sibling", "../dog/sub")
    assert images(root, classes=["cat"]) == {"cat": PLAIN["cat"]}


def test_links_to_folders_elsewhere_are_followed_once(root, caplog):
    for name in ("one", "two"):
        link(root / f"cat/{name}", "../../elsewhere")
    link(root.parent / "elsewhere/loop", "..")
    link(root / "cat/deep", "../../elsewhere/deep")
    with caplog.at_level(logging.WARNING):
        found = images(root)
    assert found["dog"] == PLAIN["dog"]
    assert sorted(map(os.path.basename, found["cat"])) == ["a.png", "b.png", "e.png", "f.png"]
    assert "links to folders that have their place here" in caplog.text


def test_which_of_two_links_is_followed_does_not_depend_on_the_file_system(root, monkeypatch):
    for name in ("one", "two", "three"):
        link(root / f"cat/{name}", "../../elsewhere")
    scandir = os.scandir

    class Reversed(list):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    for order in (sorted, lambda entries, key: sorted(entries, key=key, reverse=True)):
        monkeypatch.setattr(os, "scandir", lambda path, o=order: Reversed(o(scandir(path), key=lambda e: e.name)))
        assert images(root)["cat"] == ["cat/a.png", "cat/one/deep/f.png", "cat/one/e.png", "cat/sub/b.png"]


def test_class_folders_may_be_links(root):
    link(root / "emu", "../elsewhere")
    assert images(root)["emu"] == ["emu/deep/f.png", "emu/e.png"]
    link(root / "cat/sibling", "../emu/deep")
    assert images(root)["cat"] == PLAIN["cat"]


def test_links_into_a_hidden_store_are_followed(root):
    touch(root, ".store/x.png")
    link(root / "cat/x", "../.store")
    assert images(root)["cat"] == ["cat/a.png", "cat/sub/b.png", "cat/x/x.png"]


@pytest.mark.parametrize(
    ("links", "place", "other"),
    [
        ({"cat/x": "../../elsewhere", "dog/x": "../../elsewhere"}, "dog/x", "cat"),
        ({"cat/x": "../../elsewhere", "dog/x": "../../elsewhere/deep"}, "dog/x", "cat"),
        ({"cat/x": "../../elsewhere/deep", "dog/x": "../../elsewhere"}, "dog/x/deep", "cat"),
        ({"kitty": "cat"}, "kitty", "cat"),
        ({"kitty": "cat/sub"}, "cat/sub", "kitty"),
    ],
)
def test_two_classes_cannot_share_a_folder(root, links, place, other):
    for name, target in links.items():
        link(root / name, target)
    with pytest.raises(UserError, match=rf"^{root}/{place}: is in class '{other}', too: its images would have two lab"):
        CustomDataset(str(root))


def test_a_linked_file_is_an_image_of_its_own(root):
    link(root / "cat/again.png", "a.png")
    link(root / "cat/broken.png", "nowhere.png")  # whoever reads it says so
    link(root / "cat/loop.png", "loop.png")
    link(root / "cat/nowhere", "nothing")
    expected = ["cat/a.png", "cat/again.png", "cat/broken.png", "cat/loop.png", "cat/sub/b.png"]
    link(root / "loop", "loop")
    assert images(root)["cat"] == expected


def test_other_suffixes_are_counted(root, caplog):
    touch(root, "cat/a.heic", "cat/b.HEIC", "dog/notes.txt", "dog/README", *(f"cat/x.{i}" for i in range(9)))
    with caplog.at_level(logging.WARNING):
        assert images(root) == PLAIN
    (record,) = caplog.records
    listed = r"left out: files with other suffixes: 2 .heic, 1 .*, \.\.\.$"
    assert re.search(listed, record.getMessage())


def test_all_common_suffixes_are_read_in_any_case(root):
    names = [f"x{i}{suffix}" for i, suffix in enumerate((".webp", ".tiff", ".GIF", ".BMP", ".JPEG", ".Tif", ".jp2"))]
    touch(root / "cat", *names)
    assert len(images(root)["cat"]) == 2 + len(names)
    assert images(root, extensions=".png") == PLAIN


def test_a_pipe_is_no_image(root, caplog):
    os.mkfifo(root / "cat/pipe.png")
    link(root / "dog/pipe.png", "../cat/pipe.png")
    with caplog.at_level(logging.WARNING):
        assert images(root) == PLAIN
    assert "pipes, sockets and devices: 2" in caplog.text


def test_files_beside_the_class_folders(root, caplog):
    touch(root, "x.png", "emu")  # a class folder that is a file
    with caplog.at_level(logging.WARNING):
        assert images(root) == PLAIN
    message = f"{root}: left out: files beside the class folders: 2 ('emu', 'x.png')"
    assert [record.getMessage() for record in caplog.records] == [message]


def test_no_word_where_nothing_is_left_out(root, caplog):
    images(root)
    assert not caplog.records


def refuse(monkeypatch, *places):
    """Makes folders unreadable, for the superuser, too."""
    scandir = os.scandir

    def guarded(path):
        if str(path) in map(str, places):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)


def test_folders_that_cannot_be_read_are_all_named(root, monkeypatch):
    refuse(monkeypatch, root / "cat/sub", root / "dog")
    expected = [f"{root}/{name}: cannot be read: Permission denied" for name in ("cat/sub", "dog")]
    with pytest.raises(UserError) as error:
        CustomDataset(str(root))
    assert str(error.value).splitlines() == expected
    refuse(monkeypatch, root)
    with pytest.raises(UserError, match=f"^{root}: cannot be read: Permission denied"):
        CustomDataset(str(root))


def test_folders_without_images(root, tmp_path):
    touch(root, "emu/a.heic", "emu/.b.png")
    expected = (
        r"no image in class folder 'emu'; expected files .* \(left out: .* 1 \.heic; hidden images and folders: 1\)"
    )
    with pytest.raises(UserError, match=expected):
        CustomDataset(str(root))
    touch(tmp_path / "flat", "a.png", "b.png")
    with pytest.raises(UserError, match=r"no class folders in it, but images: 2 \('a.png', 'b.png'\);"):
        CustomDataset(str(tmp_path / "flat"))
    with pytest.raises(UserError, match="a file, expected a folder"):
        CustomDataset(str(tmp_path / "flat/a.png"))
    with pytest.raises(UserError, match="File name too long"):
        CustomDataset("x" * 300)


def test_names_that_are_not_utf8(root):
    name = os.fsdecode(b"\xff\xe9.png")
    touch(root, f"cat/{name}")
    assert f"cat/{name}" in images(root)["cat"]
    (message,) = [text for text in damaged_images(CustomDataset(str(root))) if "xff" in text or "udcff" in text]
    assert message.encode().startswith(str(root).encode())
    touch(root, os.fsdecode(b"\xe9mu/a.png"))
    with pytest.raises(UserError, match=r"class folder '\\udce9mu': the name is not UTF-8; rename the folder"):
        CustomDataset(str(root))
