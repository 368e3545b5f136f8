"""Files of weights by their addresses, kept in a folder of the user's.

    https://…/resnet50-0676ba61.pth    the name's end is how its SHA-256 begins, as PyTorch's and the original's have it
    https://…/model.pth#sha256=…       so can be given
    hf://org/repo                      a repository's weights on the Hugging Face Hub
    hf://org/repo@revision/file        one of its files

The folder is `$JAXCLS_CACHE`, else `~/.cache/jaxcls`; `$HF_ENDPOINT` is another hub's address.
"""

from __future__ import annotations

import json
import os
import re
import urllib.parse
from pathlib import Path, PurePosixPath

from jaxcls import object_storage
from jaxcls.download import Digest, NotThereError, fetch
from jaxcls.errors import UserError
from jaxcls.paths import STORAGES, expand, scheme_of

_NAMED = re.compile(r"-([0-9a-f]{8,64})\.(?:pth|pt|pth\.tar|safetensors|npz)$")
_INDEX = ".index.json"
_OF_A_REPOSITORY = (
    "model.safetensors",
    "pytorch_model.bin",
    f"model.safetensors{_INDEX}",
    f"pytorch_model.bin{_INDEX}",
)
_HUB = re.compile(r"hf://([\w.-]+)/([\w.-]+)(?:@([\w./-]+?))?(?:/([\w./-]+))?$")


def cache_folder() -> Path:
    """Where fetched files are kept."""
    own = os.environ.get("JAXCLS_CACHE")
    return expand(own) if own else expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "jaxcls"


def local(path: str | os.PathLike) -> Path:
    """The file or folder that a path or an address stands for; what an address names is fetched.

    Raises:
        UserError: an address of another kind, or a file that cannot be fetched; the message says where it belongs.
    """
    address, scheme = os.fspath(path), scheme_of(path)
    if not scheme:
        return expand(path)
    if scheme in STORAGES:
        return object_storage.fetched(address)
    if scheme == "hf":
        return _from_hub(address)
    if scheme not in ("http", "https"):
        raise UserError(f"{address}: weights are fetched from http://, https:// and hf://org/repo, and object storage")
    return _fetched(address)


def _fetched(address: str) -> Path:
    url, _, fragment = address.partition("#")
    path = place(url)
    fetch(url, path, _digest(url, fragment))
    if path.name.endswith(_INDEX):
        for name in _shards(path):
            fetch(urllib.parse.urljoin(url, urllib.parse.quote(name)), path.with_name(name))
    return path


def place(url: str) -> Path:
    """The file in the cache for a URL."""
    parts = urllib.parse.urlsplit(url)
    names = [urllib.parse.quote(urllib.parse.unquote(name), safe=" @+=,-") for name in parts.path.split("/") if name]
    if not names or not parts.hostname or {".", ".."} & set(names):
        raise UserError(f"{url}: expected the address of a file")
    if parts.query:
        names[-1] = f"{urllib.parse.quote(parts.query, safe='=')}-{names[-1]}"
    return cache_folder().joinpath("weights", parts.netloc.rpartition("@")[2].replace(":", "_"), *names)


def _digest(url: str, fragment: str) -> Digest | None:
    algorithm, _, value = fragment.partition("=")
    if fragment:
        if algorithm not in ("sha256", "md5") or not re.fullmatch("[0-9a-fA-F]{8,64}", value):
            raise UserError(f"{url}#{fragment}: expected #sha256=… or #md5=…")
        return Digest(algorithm, value.lower())
    named = _NAMED.search(urllib.parse.urlsplit(url).path)
    return Digest("sha256", named[1]) if named else None


def _shards(index: Path) -> set[str]:
    """The files that an index names, beside it; what is no index is left to the reader."""
    try:
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()
    return {name for name in names if isinstance(name, str) and PurePosixPath(name).name == name}


def _from_hub(address: str) -> Path:
    found = _HUB.fullmatch(address)
    if not found:
        raise UserError(f"{address}: expected hf://org/repo, hf://org/repo/file or hf://org/repo@revision/file")
    organisation, repository, revision, file = found.groups()
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    home = f"{endpoint}/{organisation}/{repository}/resolve/{revision or 'main'}/"
    if file:
        return _fetched(home + file)
    urls = [home + name for name in _OF_A_REPOSITORY]
    for url in sorted(urls, key=lambda url: not place(url).exists()):  # what is there needs no network
        try:
            return _fetched(url)
        except NotThereError:
            continue
    raise UserError(f"{address} has none of {', '.join(_OF_A_REPOSITORY)}; name a file: {address}/FILE")
