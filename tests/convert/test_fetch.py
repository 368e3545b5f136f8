from __future__ import annotations

import hashlib
import json

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.convert import export_state_dict
from jaxcls.convert.fetch import local, place
from jaxcls.convert.recognise import rename_back
from jaxcls.convert.writers import write_file
from jaxcls.errors import UserError
from tests.engine.checkpoints.test_weights import made, model
from tests.file_server import serving

SHAPE = (8, 8, 3)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server that is the hub, too, and an empty cache."""
    with serving() as running:
        monkeypatch.setenv("JAXCLS_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_ENDPOINT", running.address)
        yield running


@pytest.fixture(scope="module")
def network():
    """(classifier, its variables, the same with timm's names)."""
    classifier, variables = made(model(8, 3), 0)
    return classifier, variables, rename_back(classifier, export_state_dict(classifier, variables), "timm")


def content(tmp_path, state_dict, suffix=".pth"):
    """What a file of weights holds."""
    return write_file(tmp_path / f"x{suffix}", state_dict, {}).read_bytes()


def is_loaded(network, path):
    found = jaxcls.load_checkpoint(network[0], path, SHAPE)
    return jax.tree.all(jax.tree.map(np.array_equal, found["params"], network[1]["params"]))


def test_where_files_are_kept(tmp_path, monkeypatch):
    monkeypatch.delenv("JAXCLS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert place("https://a.org/b/c%20d.pth?v=1") == tmp_path / "jaxcls/weights/a.org/b/v=1-c d.pth"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert place("http://u:p@a.org:80/x.pth") == tmp_path / "home/.cache/jaxcls/weights/a.org_80/x.pth"
    monkeypatch.setenv("JAXCLS_CACHE", "~/own")
    assert place("http://a.org/x.pth") == tmp_path / "home/own/weights/a.org/x.pth"


def test_an_address(server, tmp_path, network):
    server.files["/w/model.pth"] = content(tmp_path, network[2])
    for _ in range(2):
        assert is_loaded(network, f"{server.address}/w/model.pth")
    assert len(server.requests) == 1


@pytest.mark.parametrize("suffix", ["", ".pth", ".safetensors"])
def test_checksums_in_addresses(server, suffix):
    sha256, other = (hashlib.sha256(data).hexdigest() for data in (b"weights", b"others"))
    name = f"model-{sha256[:8]}{suffix}"
    server.files = {f"/{name}": b"weights", f"/wrong/{name}": b"others", "/plain": b"weights"}
    assert local(f"{server.address}/{name}").read_bytes() == b"weights"
    if suffix:
        with pytest.raises(UserError, match=f"the sha256 of what came is {other}, expected {sha256[:8]}: damaged"):
            local(f"{server.address}/wrong/{name}")
    with pytest.raises(UserError, match=f"is {sha256}, expected 0123456789: damaged"):
        local(f"{server.address}/plain#sha256=0123456789")
    assert local(f"{server.address}/plain#sha256={sha256}").read_bytes() == b"weights"


def test_the_hub(server, tmp_path, network):
    """The first of the usual names that is there; what is in the cache is not asked for again."""
    server.files["/timm/tiny/resolve/main/pytorch_model.bin"] = content(tmp_path, network[2])
    assert is_loaded(network, "hf://timm/tiny")
    assert [path.rpartition("/")[2] for path, _ in server.requests] == ["model.safetensors", "pytorch_model.bin"]
    assert is_loaded(network, "hf://timm/tiny")
    assert is_loaded(network, "hf://timm/tiny/pytorch_model.bin")
    assert len(server.requests) == 2
    server.files["/timm/tiny/resolve/v1.0/deep/x.safetensors"] = content(tmp_path, network[2], ".safetensors")
    assert is_loaded(network, "hf://timm/tiny@v1.0/deep/x.safetensors")


def test_the_files_of_an_index(server, tmp_path, network):
    named, home = network[2], "/org/large/resolve/main"
    names = [f"model-0000{i}-of-00002.safetensors" for i in range(2)]
    for i, name in enumerate(names):
        server.files[f"{home}/{name}"] = content(tmp_path, dict(list(named.items())[i::2]), ".safetensors")
    index = {"weight_map": {name: names[i % 2] for i, name in enumerate(named)}}
    server.files[f"{home}/model.safetensors.index.json"] = json.dumps(index).encode()
    assert is_loaded(network, "hf://org/large")


def test_an_index_cannot_name_files_elsewhere(server):
    server.files["/a/x.index.json"] = json.dumps({"weight_map": {"w": "../../../x", "v": "/etc/passwd"}}).encode()
    index = local(f"{server.address}/a/x.index.json")
    assert [path for path, _ in server.requests] == ["/a/x.index.json"]
    assert [found.name for found in index.parent.iterdir()] == ["x.index.json"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ftp://a.org/x.pth", "ftp://a.org/x.pth: weights are fetched from http://, https:// and hf://org/repo, and"),
        ("https://a.org", "expected the address of a file"),
        ("https://a.org/../x.pth", "expected the address of a file"),
        ("https://a.org/%2e%2e/x.pth", "expected the address of a file"),
        ("https://a.org/x.pth#sha1=ab", "expected #sha256=… or #md5=…"),
        ("hf://org", "expected hf://org/repo, hf://org/repo/file or hf://org/repo@revision/file"),
        ("hf://org/repo/../x", "expected the address of a file"),
    ],
)
def test_what_is_no_address(server, address, message):
    with pytest.raises(UserError, match=message):
        local(address)
    assert not server.requests


def test_a_repository_without_weights(server):
    message = r"hf://timm/none has none of model\.safetensors, .*; name a file: hf://timm/none/FILE"
    with pytest.raises(UserError, match=message):
        local("hf://timm/none")


def test_without_a_network(tmp_path, monkeypatch, network):
    monkeypatch.setenv("JAXCLS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://localhost:9")
    file = "cache/weights/localhost_9/timm/tiny/resolve/main/model.safetensors"
    with pytest.raises(
        UserError, match=f"{file} is not there, and http.* cannot be downloaded: .*; put the file there"
    ):
        jaxcls.load_checkpoint(network[0], "hf://timm/tiny", SHAPE)
    assert not (tmp_path / "cache").exists()
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_bytes(content(tmp_path, network[2], ".safetensors"))
    assert is_loaded(network, "hf://timm/tiny")
