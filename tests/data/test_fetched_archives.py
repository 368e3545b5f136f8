from __future__ import annotations

import dataclasses
import gzip
import hashlib
import math
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jaxcls.data.sources import CIFAR10, KMNIST, MNIST, TFDS, FashionMNIST, cifar
from jaxcls.download import Digest, fetch
from jaxcls.errors import UserError
from tests.data.test_cifar import place


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def site(tmp_path):
    """A folder, and the address under which it is served."""
    folder = tmp_path / "site"
    folder.mkdir()
    with ThreadingHTTPServer(("localhost", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://localhost:{server.server_address[1]}/"
        server.shutdown()


def test_cifar_is_fetched_once_and_checked(site, tmp_path, monkeypatch):
    folder, address = site
    archive = place(folder, 10, "py", packed=True)
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(cifar, "HOME", address)
    wrong = tmp_path / "wrong"
    with pytest.raises(
        UserError, match=f"the md5 of what came is {md5}, expected c58f3010.*: damaged, or another file"
    ):
        CIFAR10(str(wrong))
    assert not wrong.exists()
    monkeypatch.setattr(CIFAR10, "EDITIONS", [dataclasses.replace(edition, md5=md5) for edition in CIFAR10.EDITIONS])
    assert len(CIFAR10(str(tmp_path / "data"))) == 10
    archive.unlink()
    assert len(CIFAR10(str(tmp_path / "data"), test_mode=True)) == 2


@pytest.mark.parametrize("source", [MNIST, FashionMNIST, KMNIST])
def test_mnist_and_its_like_are_fetched_once_and_checked(site, tmp_path, monkeypatch, source):
    folder, address = site
    monkeypatch.setattr(source, "HOME", address)
    assert len(source.MD5) == 4
    for name in source.MD5:
        shape = (3, 28, 28) if "images" in name else (3,)
        header = b"".join(n.to_bytes(4, "big") for n in (0x0800 + len(shape), *shape))
        (folder / name).write_bytes(gzip.compress(header + bytes(math.prod(shape))))
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz: the md5 of what came is"):
        source(str(tmp_path / "data"))
    monkeypatch.setattr(
        source, "MD5", {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in source.MD5}
    )
    assert len(source(str(tmp_path / "data"))) == len(source(str(tmp_path / "data"), test_mode=True)) == 3
    (folder / "train-images-idx3-ubyte.gz").unlink()
    assert len(source(str(tmp_path / "data"))) == 3


def test_tfds_says_where_the_archive_belongs(tmp_path, monkeypatch):
    monkeypatch.setattr(MNIST, "HOME", "http://localhost:9/")
    message = r"manual/mnist/train-images-idx3-ubyte\.gz is not there, .* cannot be downloaded: .*; put the file there"
    with pytest.raises(UserError, match=message):
        TFDS("mnist", "train", data_dir=str(tmp_path))


def test_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar, "HOME", "http://localhost:9/")
    message = r"expected cifar-10-python\.tar\.gz .*http://localhost:9/cifar-10-python\.tar\.gz cannot be downloaded: "
    with pytest.raises(UserError, match=message):
        CIFAR10(str(tmp_path / "data"))
    assert not (tmp_path / "data").exists()
    with pytest.raises(UserError, match=r"expected cifar-10-python\.tar\.gz .* in this folder$"):
        CIFAR10(str(tmp_path / "data"), download=False)


def test_a_file_that_is_not_there(site, tmp_path):
    with pytest.raises(UserError, match=r"nothing\.gz cannot be downloaded: .*404"):
        fetch(f"{site[1]}nothing.gz", tmp_path / "nothing.gz", Digest("md5", "0"))
