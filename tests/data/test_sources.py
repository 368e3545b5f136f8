import gzip
import pickle
import struct

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from jaxcls.data.sources import MNIST, TFDS, CustomDataset, FashionMNIST
from jaxcls.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28), np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9, 2], np.uint8)


def idx(array):
    return struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def mnist_folder(tmp_path):
    for part, count in (("train", 7), ("t10k", 3)):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES[:count])))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(LABELS[:count]))
    return tmp_path


@pytest.mark.parametrize("source_type", [MNIST, FashionMNIST])
def test_idx_files(mnist_folder, source_type):
    train, test = source_type(str(mnist_folder)), source_type(str(mnist_folder), test_mode=True)
    assert (len(train), len(test)) == (7, 3)
    np.testing.assert_array_equal(train[5]["image"], IMAGES[5][..., None])
    assert train[5]["label"] == 9
    assert train.labels.dtype == np.int32
    np.testing.assert_array_equal(test.labels, LABELS[:3])
    assert len(train.classes) == 10
    assert [sample["label"] for sample in pickle.loads(pickle.dumps(train))] == LABELS.tolist()


def test_idx_images_cannot_be_overwritten(mnist_folder):
    with pytest.raises(ValueError, match="read-only"):
        MNIST(str(mnist_folder))[0]["image"][:] = 0


def test_mnist_missing_file(mnist_folder):
    (mnist_folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match=r"train-labels-idx1-ubyte: no such file, with or without \.gz"):
        MNIST(str(mnist_folder), download=False)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "cannot be read, expected a complete gzip file"),
        (lambda data: b"no gzip at all", "cannot be read, expected a complete gzip file"),
        (lambda data: data[:-40] + bytes(20) + data[-20:], "cannot be read, expected a complete gzip file"),
        (lambda data: gzip.compress(idx(LABELS)), r"begins with '00000801', expected 00000803 \(IDX, uint8, 3 axes\)"),
        (lambda data: gzip.compress(b""), "expected 00000803"),
        (lambda data: gzip.compress(gzip.decompress(data)[:-5]), r"5483 bytes after the header, expected 5488"),
    ],
    ids=["truncated", "not gzip", "flipped", "labels", "empty", "short"],
)
def test_mnist_damaged_file(mnist_folder, damage, message):
    path = mnist_folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=rf"train-images-idx3-ubyte\.gz: .*{message}"):
        MNIST(str(mnist_folder))


@pytest.mark.parametrize(
    ("labels", "message"), [(LABELS[:4], "4 labels for 7 images"), (LABELS + 1, r"label 10, expected 0\.\.9")]
)
def test_mnist_labels_that_do_not_fit(mnist_folder, labels, message):
    (mnist_folder / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    with pytest.raises(UserError, match=message):
        MNIST(str(mnist_folder))


@pytest.fixture
def image_folder(tmp_path):
    for name in ("dog/b.PNG", "dog/a.jpg", "cat/deep/er/c.png", "cat/notes.txt", ".hidden/x.png", "cat/.y.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not read here")
    return tmp_path


def test_custom_class_folders(image_folder):
    source = CustomDataset(str(image_folder))
    assert source.classes == ("cat", "dog")
    expected = [("cat/deep/er/c.png", 0), ("dog/a.jpg", 1), ("dog/b.PNG", 1)]
    assert list(source) == [{"filename": str(image_folder / name), "label": label} for name, label in expected]
    assert source.labels.tolist() == [0, 1, 1]
    assert list(pickle.loads(pickle.dumps(source))) == list(source)


def test_custom_extensions(image_folder):
    assert len(CustomDataset(str(image_folder), extensions=[".PNG", ".txt"])) == 3


def test_custom_paths_are_absolute(image_folder, monkeypatch):
    monkeypatch.chdir(image_folder.parent)
    assert CustomDataset(image_folder.name)[0]["filename"] == str(image_folder / "cat/deep/er/c.png")


def test_custom_annotations(image_folder):
    (image_folder / "list.txt").write_text("dog/a b.jpg 1\ncat/c.png 0\n\n")
    (image_folder / "names.txt").write_text("feline\ncanine\n")
    arguments = {"data_prefix": str(image_folder), "ann_file": str(image_folder / "list.txt")}
    source = CustomDataset(**arguments, classes=str(image_folder / "names.txt"))
    assert source.classes == ("feline", "canine")
    assert source[0] == {"filename": str(image_folder / "dog/a b.jpg"), "label": 1}
    assert CustomDataset(**arguments, classes=["a", "b", "c"]).classes == ("a", "b", "c")
    assert CustomDataset(**arguments).classes == ("0", "1")


def test_custom_missing_folder(tmp_path):
    with pytest.raises(UserError, match=r"nothing'?: no such folder"):
        CustomDataset(str(tmp_path / "nothing"))


def test_custom_without_class_folders(tmp_path):
    with pytest.raises(UserError, match="no class folders in it"):
        CustomDataset(str(tmp_path))


def test_custom_class_folder_without_images(image_folder):
    (image_folder / "emu").mkdir()
    with pytest.raises(UserError, match=r"no image in class folder 'emu'; expected files \.jpg, \.jpeg"):
        CustomDataset(str(image_folder))


def test_custom_wrong_number_of_folders(image_folder):
    with pytest.raises(UserError, match=r"2 class folders \('cat', 'dog'\), but 3 classes are given"):
        CustomDataset(str(image_folder), classes=["a", "b", "c"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dog/a.jpg", "'dog/a.jpg': expected 'path label'"),
        ("dog/a.jpg one", "the label a whole number"),
        ("dog/a.jpg -1", "the label a whole number"),
        ("dog/a.jpg 2", r"label 2, but there are 2 classes: 0\.\.1"),
    ],
)
def test_custom_annotation_that_does_not_fit(image_folder, line, message):
    path = image_folder / "list.txt"
    path.write_text(f"cat/c.png 0\n{line}\ncat/c.png 1\n")
    with pytest.raises(UserError, match=rf"list\.txt:2: .*{message}"):
        CustomDataset(str(image_folder), str(path), classes=["a", "b"])


def test_custom_missing_and_empty_annotation_file(image_folder):
    with pytest.raises(UserError, match=r"nolist\.txt: cannot be read: .*No such file"):
        CustomDataset(str(image_folder), str(image_folder / "nolist.txt"))
    (image_folder / "list.txt").touch()
    with pytest.raises(UserError, match=r"list\.txt: no annotations in it"):
        CustomDataset(str(image_folder), str(image_folder / "list.txt"))


@pytest.fixture(scope="module")
def cifar_folder(tmp_path_factory):
    """cifar10 as it is stored, of our own colours."""
    folder = tmp_path_factory.mktemp("tfds")
    builder = tfds.builder("cifar10", data_dir=folder, file_format="array_record")
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 255
    png = cv2.imencode(".png", red[..., ::-1])[1].tobytes()
    names = ["airplane", *"123456789"]
    examples = {i: {"id": f"train_{i}", "image": png, "label": i % 10} for i in range(12)}
    builder.info.features["label"].names = names
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(builder), "_split_generators", lambda *_: {"train": iter(examples.items())})
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    return folder


def test_tfds_reads_array_record(cifar_folder):
    source = TFDS("cifar10", "train", data_dir=str(cifar_folder))
    assert len(source) == 12
    assert source.classes[:2] == ("airplane", "1")
    assert sorted(source.labels.tolist()) == sorted(i % 10 for i in range(12))
    sample = pickle.loads(pickle.dumps(source))[3]
    assert sample["image"].dtype == np.uint8
    assert sample["image"].shape == (32, 32, 3)
    assert sample["image"][0, 0].tolist() == [255, 0, 0]
    assert sample["label"] == source.labels[3]
    assert len(TFDS("cifar10", "train[:50%]", data_dir=str(cifar_folder))) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "val"}, "split 'val'"),
        ({"split": "train", "image_key": "picture"}, "no feature 'picture'; it has id, image, label"),
        ({"split": "train", "label_key": "id"}, "'id' is no class label"),
    ],
)
def test_tfds_refuses(cifar_folder, arguments, message):
    with pytest.raises(UserError, match=message):
        TFDS("cifar10", data_dir=str(cifar_folder), **arguments)


def test_tfds_not_prepared_says_how(tmp_path):
    with pytest.raises(
        UserError, match=r"run: tfds build svhn_cropped --file_format=array_record --data_dir="
    ) as error:
        TFDS("svhn_cropped", "train", data_dir=str(tmp_path))
    assert str(tmp_path / "svhn_cropped") in str(error.value)


def test_tfds_unknown_name():
    with pytest.raises(UserError, match=r"no dataset 'cifra10'; did you mean .*cifar10"):
        TFDS("cifra10", "train")


def test_tfds_keeps_small_datasets_in_memory(cifar_folder, monkeypatch):
    source = TFDS("cifar10", "train", data_dir=str(cifar_folder))
    first = source[2]
    monkeypatch.setattr(source, "_records", None)
    again = source[2]
    assert again["image"] is first["image"]
    assert again is not first
    with pytest.raises(ValueError, match="read-only"):
        again["image"][:] = 0
