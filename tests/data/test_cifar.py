import dataclasses
import gzip
import hashlib
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from jaxcls.data.sources import CIFAR10, CIFAR100, TFDS
from jaxcls.errors import UserError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 32, 32, 3), np.uint8)
FLAT = IMAGES.transpose(0, 3, 1, 2).reshape(12, -1)
FINE, COARSE = np.arange(12) % 4, np.arange(12) % 2


def names(count):
    return [f"class_{i}" for i in range(count)]


def text(count):
    return "".join(f"{name}\n" for name in names(count)).encode()


def python_files(classes):
    """As published: five files to train and one to test, two images each; or one and one."""
    if classes == 10:
        files = {f"data_batch_{i}": slice(2 * i - 2, 2 * i) for i in range(1, 6)} | {"test_batch": slice(10, 12)}
        meta, keys = {"batches.meta": {"label_names": names(classes)}}, {"labels": FINE}
    else:
        files = {"train": slice(0, 10), "test": slice(10, 12)}
        meta = {"meta": {"fine_label_names": names(classes), "coarse_label_names": names(20)}}
        keys = {"fine_labels": FINE, "coarse_labels": COARSE}
    parts = {
        name: {"data": FLAT[part]} | {key: labels[part].tolist() for key, labels in keys.items()}
        for name, part in files.items()
    }
    return {name: pickle.dumps(content, protocol=2) for name, content in (parts | meta).items()}


def binary_files(classes):
    columns = [FINE] if classes == 10 else [COARSE, FINE]
    records = np.concatenate([np.stack(columns, 1).astype(np.uint8), FLAT], axis=1)
    if classes == 10:
        files = {f"data_batch_{i}.bin": records[2 * i - 2 : 2 * i].tobytes() for i in range(1, 6)}
        return files | {"test_batch.bin": records[10:].tobytes(), "batches.meta.txt": text(10) + b"\n"}
    meta = {"coarse_label_names.txt": text(20), "fine_label_names.txt": text(100)}
    return {"train.bin": records[:10].tobytes(), "test.bin": records[10:].tobytes()} | meta


FILES = {"py": python_files, "bin": binary_files}
FOLDERS = {
    (10, "py"): ("cifar-10-batches-py", "cifar-10-python.tar.gz"),
    (10, "bin"): ("cifar-10-batches-bin", "cifar-10-binary.tar.gz"),
    (100, "py"): ("cifar-100-python", "cifar-100-python.tar.gz"),
    (100, "bin"): ("cifar-100-binary", "cifar-100-binary.tar.gz"),
}
SOURCES = {10: CIFAR10, 100: CIFAR100}


def place(root, classes, edition, packed):
    folder, archive = FOLDERS[classes, edition]
    files = FILES[edition](classes)
    if not packed:
        (root / folder).mkdir()
        for name, data in files.items():
            (root / folder / name).write_bytes(data)
        return root / folder
    with tarfile.open(root / archive, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return root / archive


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("edition", ["py", "bin"])
@pytest.mark.parametrize("classes", [10, 100])
def test_reads_the_published_forms(tmp_path, classes, edition, packed):
    place(tmp_path, classes, edition, packed)
    train = SOURCES[classes](str(tmp_path), check_md5=False)
    test = SOURCES[classes](str(tmp_path), test_mode=True, check_md5=False)
    assert (len(train), len(test)) == (10, 2)
    assert train.classes == tuple(names(classes))
    np.testing.assert_array_equal(train.labels, FINE[:10])
    np.testing.assert_array_equal(np.stack([sample["image"] for sample in train]), IMAGES[:10])
    np.testing.assert_array_equal(test[1]["image"], IMAGES[11])
    assert test[1]["label"] == FINE[11]
    assert train.superclasses == tuple(names(20) if classes == 100 else ())
    again = pickle.loads(pickle.dumps(train))
    np.testing.assert_array_equal(again[3]["image"], IMAGES[3])


def test_takes_the_unpacked_folder_itself(tmp_path):
    assert len(CIFAR10(str(place(tmp_path, 10, "py", packed=False)))) == 10


def test_checks_the_archive(tmp_path, monkeypatch):
    path = place(tmp_path, 10, "bin", packed=True)
    with pytest.raises(UserError, match=r"binary\.tar\.gz: its md5 is .*published archive's is c32a1d4a"):
        CIFAR10(str(tmp_path))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"binary\.tar\.gz: cannot be unpacked"):
        CIFAR10(str(tmp_path), check_md5=False)


def test_names_what_is_expected(tmp_path):
    with pytest.raises(UserError, match=r"expected cifar-10-python\.tar\.gz \(or the folder cifar-10-batches-py"):
        CIFAR10(str(tmp_path), download=False)


@pytest.mark.parametrize("edition", ["py", "bin"])
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"\x80")])
def test_damaged_or_missing_file(tmp_path, edition, damage):
    damage(place(tmp_path, 10, edition, packed=False) / {"py": "data_batch_3", "bin": "data_batch_3.bin"}[edition])
    with pytest.raises(UserError, match="a file is missing or damaged"):
        CIFAR10(str(tmp_path))


class Evil:
    def __reduce__(self):
        return os.mkdir, ("harmed",)


def test_a_pickle_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = place(tmp_path, 10, "py", packed=False)
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": Evil()}))
    with pytest.raises(UserError, match="mkdir is not allowed"):
        CIFAR10(str(tmp_path))
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("place_in", ["cifar100", "."])
def test_tfds_prepares_its_own_dataset_from_the_archive(tmp_path, monkeypatch, place_in):
    folder = tmp_path / "downloads" / "manual" / place_in
    folder.mkdir(parents=True)
    path = place(folder, 100, "bin", packed=True)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setattr(CIFAR100, "EDITIONS", [dataclasses.replace(edition, md5=md5) for edition in CIFAR100.EDITIONS])
    train, test = (TFDS("cifar100:3.0.2", split, data_dir=str(tmp_path)) for split in ("train", "test"))
    assert train.classes == tuple(names(100))
    assert (len(train), len(test)) == (10, 2)
    ours = {sample["image"].tobytes(): sample["label"] for source in (train, test) for sample in source}
    assert ours == {image.tobytes(): label for image, label in zip(IMAGES, FINE, strict=True)}
    # And TFDS itself takes it for its own.
    builder = tfds.builder_from_directory(str(next((tmp_path / "cifar100").iterdir())))
    examples = list(builder.as_data_source("train"))
    assert {example["id"] for example in examples} == {f"train_{i:05d}".encode() for i in range(10)}
    index = {image.tobytes(): i for i, image in enumerate(IMAGES)}
    for example in examples:
        assert example["coarse_label"] == COARSE[index[example["image"].tobytes()]]
    assert builder.info.features["coarse_label"].names == names(20)
    path.unlink()
    assert len(TFDS("cifar100:3.0.2", "train", data_dir=str(tmp_path))) == 10


@pytest.mark.parametrize(("name", "first_class"), [("fashion_mnist", "T-shirt/top"), ("kmnist", "o")])
def test_tfds_prepares_mnist_as_grey(tmp_path, name, first_class):
    folder = tmp_path / "downloads" / "manual" / name
    folder.mkdir(parents=True)
    for part, count in (("train", 5), ("t10k", 2)):
        for kind, shape in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            values = RNG.integers(0, 10, shape, np.uint8)
            header = b"".join(n.to_bytes(4, "big") for n in (0x0800 + len(shape), *shape))
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(header + values.tobytes()))
    source = TFDS(name, "test", data_dir=str(tmp_path))
    assert len(source) == 2
    assert source[0]["image"].shape == (28, 28, 1)
    assert source.classes[0] == first_class
