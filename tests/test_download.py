from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from jaxcls.download import Digest, NotThereError, fetch
from jaxcls.errors import UserError
from tests.file_server import serving

CONTENT = bytes(range(256)) * 64
SHA256 = Digest("sha256", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def server():
    with serving() as made:
        made.files, made.etag = {"/model.pth": CONTENT}, '"one"'
        yield made


def names(folder):
    return sorted(os.listdir(folder))


def test_a_file_is_fetched_once(server, tmp_path):
    for _ in range(2):
        fetch(f"{server.address}/model.pth", tmp_path / "a" / "model.pth", SHA256)
    assert (tmp_path / "a" / "model.pth").read_bytes() == CONTENT
    assert names(tmp_path / "a") == ["model.pth"]
    assert server.requests == [("/model.pth", None)]


def test_what_was_cut_off_goes_on(server, tmp_path):
    server.cut, server.cuts = 5000, 2
    fetch(f"{server.address}/model.pth", tmp_path / "model.pth", SHA256)
    assert (tmp_path / "model.pth").read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == [None, "bytes=5000-", "bytes=10000-"]
    assert names(tmp_path) == ["model.pth"]


def test_a_later_call_goes_on(server, tmp_path):
    server.cut = 1000
    with pytest.raises(UserError, match=r"model\.pth is not there, .* ended after 1000 of 14384 bytes; put the file"):
        fetch(f"{server.address}/model.pth", tmp_path / "model.pth", SHA256)
    assert names(tmp_path) == ["model.pth.%22one%22.part"]
    server.cut = None
    fetch(f"{server.address}/model.pth", tmp_path / "model.pth", SHA256)
    assert server.requests[-1] == ("/model.pth", "bytes=3000-")
    assert (tmp_path / "model.pth").read_bytes() == CONTENT


@pytest.mark.parametrize("change", ["another file", "no ranges", "no name", "a weak name", "a part that is too long"])
def test_parts_of_other_files_are_not_mixed(server, tmp_path, change):
    server.etag = {"no name": None, "a weak name": 'W/"one"'}.get(change, '"one"')
    server.cut = 1000
    with pytest.raises(UserError):
        fetch(f"{server.address}/model.pth", tmp_path / "model.pth")
    server.cut = None
    if change == "another file":
        server.etag, server.files["/model.pth"] = '"two"', CONTENT[::-1]
    elif change == "no ranges":
        server.ranges = False
    elif change == "a part that is too long":
        (part,) = tmp_path.iterdir()
        part.write_bytes(CONTENT + b"more")
    fetch(f"{server.address}/model.pth", tmp_path / "model.pth")
    assert (tmp_path / "model.pth").read_bytes() == server.files["/model.pth"]
    assert names(tmp_path) == ["model.pth"]


@pytest.mark.parametrize("digest", [Digest("sha256", "0" * 64), Digest("sha256", "0123abcd"), Digest("md5", "00")])
def test_another_file_than_expected(server, tmp_path, digest):
    with pytest.raises(UserError, match=f"the {digest.algorithm} of what came is .*, expected {digest.value}: damaged"):
        fetch(f"{server.address}/model.pth", tmp_path / "model.pth", digest)
    assert names(tmp_path) == []


def test_how_the_checksum_begins(server, tmp_path):
    fetch(f"{server.address}/model.pth", tmp_path / "model.pth", Digest("sha256", SHA256.value[:8]))
    assert (tmp_path / "model.pth").exists()


def test_the_servers_own_checksum(server, tmp_path):
    server.etag = f'"{SHA256.value}"'
    server.files = {"/one": CONTENT, "/two": CONTENT[::-1]}
    fetch(f"{server.address}/one", tmp_path / "one")
    with pytest.raises(UserError, match="the sha256 of what came is"):
        fetch(f"{server.address}/two", tmp_path / "two")
    assert names(tmp_path) == ["one"]


def test_no_such_file(server, tmp_path):
    with pytest.raises(NotThereError, match=r"x/missing is not there, and http.*/missing cannot be downloaded: .*404"):
        fetch(f"{server.address}/missing", tmp_path / "x" / "missing")
    assert names(tmp_path) == []


@pytest.mark.parametrize("url", ["http://localhost:9/x", "http://no-such-host.invalid/x", "http://", "x"])
def test_no_network(tmp_path, url):
    with pytest.raises(UserError, match=r"x is not there, and .* cannot be downloaded: .*; put the file there"):
        fetch(url, tmp_path / "x")
    assert names(tmp_path) == []


def test_several_processes_fetch_once(server, tmp_path):
    code = "import sys, pathlib, jaxcls.download as d; d.fetch(sys.argv[1], pathlib.Path(sys.argv[2]) / 'model.pth')"
    command = [sys.executable, "-c", code, f"{server.address}/model.pth", str(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert len(server.requests) == 1
    assert names(tmp_path) == ["model.pth"]


def test_a_killed_process_locks_nothing(server, tmp_path):
    (tmp_path / "model.pth.lock").write_text("")  # left behind
    fetch(f"{server.address}/model.pth", tmp_path / "model.pth")
    assert names(tmp_path) == ["model.pth"]
