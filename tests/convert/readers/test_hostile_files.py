"""Files that are made to do harm, or that are damaged: each is refused at once, and nothing in it is run."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import stat
import struct
import time
import tracemalloc
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from jaxcls.convert.wrappers import read_weights
from jaxcls.errors import UserError

SECONDS, BYTES = 1.0, 100 * 2**20
MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"\x8a\x10" + value.to_bytes(16, "little", signed=True)


def name(full):
    module, _, attribute = full.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


def several(numbers):
    return b"(" + b"".join(map(number, numbers)) + b"t"


def storage(key="0", count=4, kind="torch.FloatStorage", what="storage"):
    return b"(" + text(what) + name(kind) + text(key) + text("cpu") + number(count) + b"tQ"


def tensor(shape=(4,), strides=(1,), offset=0, values=None):
    hooks = name("collections.OrderedDict") + b")R"
    arguments = b"(" + (values or storage()) + number(offset) + several(shape) + several(strides) + b"\x89" + hooks
    return name("torch._utils._rebuild_tensor_v2") + arguments + b"tR"


def entry(value, key="weight"):
    """A pickle of {key: value}."""
    return b"\x80\x02}" + text(key) + value + b"s."


def in_zip(program, values=bytes(16), members=(), **options):
    """A .pth of one storage."""
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", **options) as archive:
        warnings.simplefilter("ignore")  # of members that are there twice
        for member, data in (("a/data.pkl", program), ("a/data/0", values), *members):
            if data is not None:
                archive.writestr(member, data)
    return made.getvalue()


def runs(path="ran"):
    """Instructions that make a file, if anything runs them."""
    return name("os.mkdir") + text(path) + b"\x85R"


def flagged(**changes):
    info = zipfile.ZipInfo("a/data/1")
    for key, value in changes.items():
        setattr(info, key, value)
    return info


def overlapping():
    """The second member's entry in the directory points to the first one's data."""
    data = bytearray(in_zip(entry(tensor()), members=[("a/data/1", bytes(16))]))
    places = [i for i in range(len(data)) if data[i : i + 4] == b"PK\1\2"]
    first = bytes(data[places[1] + 42 : places[1] + 46])
    data[places[2] + 42 : places[2] + 46] = struct.pack("<I", struct.unpack("<I", first)[0] + 1)
    return bytes(data)


def encrypted():
    data = bytearray(in_zip(entry(tensor())))
    data[data.rindex(b"PK\1\2") + 8] |= 1
    return bytes(data)


def many_members():
    """A directory that says that it is very long."""
    data = bytearray(in_zip(entry(tensor())))
    end = data.rindex(b"PK\5\6")
    data[end + 10 : end + 16] = struct.pack("<HI", 2**16 - 1, 2**30)
    return bytes(data)


def arrays(**named):
    made = io.BytesIO()
    np.savez_compressed(made, **named)
    return made.getvalue()


def array_file(header):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        line = header.encode() + b"\n"
        archive.writestr("x.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(line)) + line + bytes(16))
    return made.getvalue()


def bomb(size=2**31):
    """A compressed archive that unpacks to zeros."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = bytes(2**20)
    data = b"".join(packed.compress(block) for _ in range(16)) + packed.flush()
    made = io.BytesIO(in_zip(None, values=None, members=[("x.npy", data)]))
    raw = bytearray(made.getvalue())
    for signature, method, sizes in ((b"PK\3\4", 8, 18), (b"PK\1\2", 10, 20)):
        place = raw.index(signature)
        raw[place + method : place + method + 2] = struct.pack("<H", 8)
        raw[place + sizes + 4 : place + sizes + 8] = struct.pack("<I", size)
    return bytes(raw)


def safetensors(header, values=bytes(16), length=None):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + values


def place(first=0, last=16, shape=(4,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [first, last]}


def legacy(program, keys=("0",), values=b"\4" + bytes(7 + 16)):
    return MAGIC + program + pickle.dumps(list(keys), 2) + values


def legacy_tensor():
    return tensor(values=storage()[:-2] + b"NtQ")


DEEP = b"[" * 10**5
HASHES = b"N\x85" + b"q\0h\0\x86" * 60  # a tuple of tuples whose hash is made of 2^60

FILES = {
    # code in the pickle
    "reduce": (in_zip(entry(runs())), "asks for 'os.mkdir', which is not read"),
    "reduce, legacy": (MAGIC + entry(runs()), "asks for 'os.mkdir'"),
    "reduce before the magic": (b"\x80\x02" + runs() + b".", "a pickle, but not PyTorch's"),
    "reduce in the legacy list of keys": (MAGIC + entry(legacy_tensor()) + b"\x80\x02" + runs() + b".", "'os.mkdir'"),
    "reduce of a method": (in_zip(entry(name("builtins.getattr") + b")R")), "asks for 'builtins.getattr'"),
    "reduce of no function": (in_zip(entry(name("torch.float32") + b")R")), "calls 'torch.float32'"),
    "reduce of what was read": (in_zip(entry(text("os.mkdir") + b")R")), "calls 'str'"),
    "reduce through another": (
        in_zip(entry(name("torch._tensor._rebuild_from_type_v2") + b"(" + name("os.mkdir") + b"N)NtR")),
        "asks for 'os.mkdir'",
    ),
    "build": (in_zip(entry(name("logging.Formatter") + b")\x81}b")), "asks for 'logging.Formatter'"),
    "build on an allowed name": (in_zip(entry(name("torch._utils._rebuild_tensor_v2") + b"}b")), "sets the state of"),
    "newobj": (in_zip(entry(name("subprocess.Popen") + text("x") + b"\x85\x81")), "asks for 'subprocess.Popen'"),
    "newobj_ex": (in_zip(entry(name("collections.OrderedDict") + b")}\x92")), "instruction 'NEWOBJ_EX'"),
    "inst": (in_zip(b"\x80\x02(" + text("x") + b"ios\nmkdir\n."), "asks for 'os.mkdir'"),
    "obj": (in_zip(entry(b"(" + name("collections.OrderedDict") + b"o")), "instruction 'OBJ'"),
    "extension": (in_zip(entry(b"\x82\x01")), "instruction 'EXT1'"),
    "global by the stack": (in_zip(entry(text("posix") + text("system") + b"\x93")), "asks for 'posix.system'"),
    "global with dots": (
        in_zip(entry(text("torch._utils") + text("_rebuild_tensor_v2.__globals__") + b"\x93")),
        r"asks for 'torch\._utils\._rebuild_tensor_v2\.__globals__'",
    ),
    "global that is a number": (in_zip(entry(number(1) + number(2) + b"\x93")), "asks for '1.2'"),
    "global that unpickles": (in_zip(entry(name("torch.storage._load_from_bytes"))), "torch.storage._load_from_bytes"),
    "persistent id, text": (in_zip(entry(b"Pos.mkdir\n")), "instruction 'PERSID'"),
    "persistent id, module": (in_zip(entry(storage(what="module"))), "a persistent id that is no storage"),
    "persistent id of an array": (in_zip(entry(storage(kind="numpy.ndarray"))), "a storage of type 'numpy.ndarray'"),
    "persistent id where none is": (MAGIC + entry(b"NQ"), "a persistent id that is no storage"),
    "array of objects": (
        in_zip(entry(name("numpy.dtype") + text("O") + b"\x89\x88\x87R")),
        "an array of dtype object",
    ),
    "object arrays in npz": (arrays(x=np.array([{}], dtype=object)), "dtype object; expected numbers"),
    # pickles that cost time or memory
    "a flood of instructions": (in_zip(b"\x80\x02" + b"N0" * 10**6 + b"."), "more than 400000 instructions"),
    "a hash without end": (in_zip(b"\x80\x02}" + HASHES + b"Ns."), "a key of type tuple"),
    "a text longer than the file": (in_zip(b"\x80\x02X" + b"\xff" * 4 + b"x."), "more than the file"),
    "a memo far away": (in_zip(b"\x80\x02Nr" + b"\xff" * 4), "cut off"),
    "lists in lists": (in_zip(b"\x80\x02" + b"]" * 20000 + b"a" * 19999 + b"."), "holds no weights"),
    "a dict in itself": (in_zip(b"\x80\x02}q\0" + text("state_dict") + b"h\0s."), "holds no weights"),
    # damage
    "empty": (b"", "it is empty"),
    "wrong magic": (b"not a checkpoint at all, but text", "no known format"),
    "a web page": (b"<!DOCTYPE html><html>404</html>", "a web page"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
    "gzip": (b"\x1f\x8b\x08" + bytes(100), "gzip"),
    "tar": (bytes(257) + b"ustar" + bytes(250), "a tar file, as PyTorch wrote before"),
    "another pickle": (pickle.dumps({"a": 1}, 2), "a pickle, but not PyTorch's"),
    "a zip file of other things": (in_zip(None, values=None, members=[("readme.txt", b"")]), "neither PyTorch's nor"),
    "cut off, zip": (in_zip(entry(tensor()))[:-30], "damaged or cut off"),
    "cut off, pickle": (in_zip(entry(tensor())[:-20]), "cut off"),
    "cut off, legacy": (legacy(entry(legacy_tensor()))[:-8], "it ends before the values of storage '0'"),
    "cut off, safetensors": (safetensors({"a": place()})[:-4], "cut off"),
    "no instructions": (in_zip(b""), "cut off"),
    "an empty stack": (in_zip(b"\x80\x02R."), "damaged"),
    "no mark": (in_zip(b"\x80\x02t."), "damaged"),
    "another checksum": (
        in_zip(entry(tensor())).replace(text("weight"), text("weighs"), 1),
        "'a/data.pkl' is not what was written",
    ),
    "big endian": (in_zip(entry(tensor()), members=[("a/byteorder", b"big")]), "b'big' endian; expected little"),
    "compiled": (in_zip(entry(tensor()), members=[("a/constants.pkl", b"")]), "TorchScript"),
    # archives
    "zip bomb": (bomb(), "a zip bomb"),
    "zip bomb in a .pth": (
        in_zip(entry(tensor(values=storage(count=2**24))), bytes(2**26), compression=zipfile.ZIP_DEFLATED),
        "a zip bomb",
    ),
    "compressed values": (
        in_zip(entry(tensor(values=storage(count=2**10))), bytes(2**12), compression=zipfile.ZIP_DEFLATED),
        "compressed, which PyTorch never does",
    ),
    "a pickle compressed": (
        in_zip(entry(tensor()) + bytes(1000), compression=zipfile.ZIP_DEFLATED),
        "compressed, which PyTorch never does",
    ),
    "members that overlap": (overlapping(), "overlap|not where the zip directory says"),
    "too many members": (many_members(), "expected at most 65536|damaged"),
    "a member twice": (in_zip(entry(tensor()), members=[("a/data/0", b"")]), "'?a/data/0'? twice"),
    "a member out of the archive": (in_zip(entry(tensor()), members=[("a/../../x", b"")]), "leads out of the archive"),
    "an absolute member": (in_zip(entry(tensor()), members=[("/etc/x", b"")]), "leads out of the archive"),
    "a link in the archive": (
        in_zip(entry(tensor()), members=[(flagged(external_attr=(stat.S_IFLNK | 0o777) << 16), b"/etc/passwd")]),
        "a symbolic link",
    ),
    "encrypted": (encrypted(), "encrypted"),
    "two pickles": (in_zip(entry(tensor()), members=[("b/data.pkl", entry(tensor()))]), "2 pickles"),
    # tensors
    "an absurd shape": (in_zip(entry(tensor((2**40, 2**40), (0, 0)))), "larger than its storage of 4 values"),
    "an absurd empty shape": (in_zip(entry(tensor((0, 2**62), (1, 1)))), "larger than its storage"),
    "out of the storage": (in_zip(entry(tensor((2, 2), (3, 1)))), "reaches out of its storage of 4 values"),
    "before the storage": (in_zip(entry(tensor((2,), (-1,), 1))), "cannot be"),
    "an offset out of the storage": (in_zip(entry(tensor((1,), (1,), 4))), "reaches out of its storage"),
    "a shape of other things": (
        in_zip(entry(tensor()).replace(several((4,)), b"(" + text("x") + b"t", 1)),
        "cannot be|damaged",
    ),
    "more axes than strides": (in_zip(entry(tensor((2, 2), (1,)))), "cannot be"),
    "a storage larger than its member": (in_zip(entry(tensor(values=storage(count=5)))), "has 16 bytes, expected 5"),
    "a missing storage": (in_zip(entry(tensor()), values=None), "lacks 'a/data/0'"),
    "a storage elsewhere": (in_zip(entry(tensor(values=storage("../../x")))), r"lacks 'a/data/\.\./\.\./x'"),
    "a key twice": (
        in_zip(b"\x80\x02}(" + 2 * (text("weight") + tensor()) + b"u."),
        "has the key 'weight' twice",
    ),
    "a legacy storage that is not listed": (legacy(entry(legacy_tensor()), keys=()), "is not that of its tensors"),
    "a legacy storage twice": (legacy(entry(legacy_tensor()), keys=("0", "0")), "is not that of its tensors"),
    "a legacy storage of another size": (
        legacy(entry(legacy_tensor()), values=struct.pack("<q", 3) + bytes(16)),
        "has 3 values, expected 4",
    ),
    "no tensors": (in_zip(entry(b"N")), "holds no weights"),
    # safetensors
    "a header longer than the file": (safetensors({"a": place()}, length=2**40), "claims 1099511627776 bytes"),
    "a header shorter than it is": (safetensors({"a": place()}, length=20), "not JSON"),
    "a header of lists": (safetensors(b"{" + b'"a":' + DEEP), "not JSON"),
    "a name twice": (safetensors(b'{"a":1,"a":2}'), "has 'a' twice"),
    "tensors that overlap": (safetensors({"a": place(0, 16), "b": place(8, 16, (2,))}), "overlap, or leave a hole"),
    "a hole": (safetensors({"a": place(8, 16, (2,))}), "overlap, or leave a hole"),
    "places out of the file": (safetensors({"a": place(0, 2**40, (2**38,))}), "cut off, or too long"),
    "too long a file": (safetensors({"a": place()}, bytes(99)), "cut off, or too long"),
    "another shape": (safetensors({"a": place(shape=(5,))}), "larger than its storage|reaches out|does not fill"),
    "an unknown dtype": (safetensors({"a": place(dtype="F31")}), "dtype 'F31'"),
    "no place": (safetensors({"a": 3}), "no place"),
    "negative places": (safetensors({"a": place(-16, 0)}), "overlap, or leave a hole"),
    # npz
    "an array larger than its member": (
        array_file("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}"),
        "does not fill",
    ),
    "an array of negative size": (
        array_file("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -2)}"),
        "cannot be|does not fill",
    ),
    "a header that is code": (array_file("__import__('os').mkdir('ran')"), "no array of NumPy's"),
    # indices
    "an index of nothing": (b'{"weight_map": 3}', "no weight_map"),
    "an index with a name twice": (b'{"weight_map": {"a": "x", "a": "y"}}', "has 'a' twice"),
    "an index that is not JSON": (b'{"weight_map": ', "not JSON"),
    "an index of other folders": (b'{"weight_map": {"a": "../x.pth"}}', "expected one beside it"),
    "an index of the root": (b'{"weight_map": {"a": "/etc/passwd"}}', "expected one beside it"),
    "an index of missing files": (b'{"weight_map": {"a": "x", "b": "y"}}', "2 problems: x is not there; y is not"),
    "an index of itself": (b'{"weight_map": {"a": "file"}}', "an index, named by another one"),
}


def refused(path: Path, reason: str) -> None:
    """Reads a file in a second and little memory, and runs nothing."""
    size = path.stat().st_size if path.is_file() else 0
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(UserError, match=reason) as error:
            read_weights(path)
        seconds, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.name in str(error.value)
    assert len(str(error.value)) < 1000
    assert peak < size + BYTES
    assert seconds < SECONDS


@pytest.mark.parametrize("what", FILES)
def test_a_hostile_file(tmp_path, monkeypatch, what):
    content, reason = FILES[what]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(content)
    refused(tmp_path / "file", reason)
    assert os.listdir(tmp_path) == ["file"]


def test_what_is_no_file(tmp_path):
    target = tmp_path / "model.pth"
    refused(target, "cannot be read: No such file")
    target.symlink_to(tmp_path / "nothing")
    refused(target, "cannot be read: No such file")
    target.unlink()
    target.symlink_to(target)
    refused(target, "cannot be read: Too many levels")
    target.unlink()
    target.mkdir()
    refused(target, "is a folder; expected a file")
    refused(Path("/dev/zero"), "is a device, a pipe or a socket")
    pipe = tmp_path / "pipe.pth"
    os.mkfifo(pipe)
    refused(pipe, "is a device, a pipe or a socket")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "model.pth"
    path.write_bytes(in_zip(entry(tensor())))

    def closed(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)  # a superuser may read any file
    refused(path, "cannot be read: Permission denied")


def test_an_index_of_links_to_elsewhere(tmp_path):
    folder, secret = tmp_path / "weights", tmp_path / "secret"
    folder.mkdir()
    secret.write_bytes(in_zip(entry(tensor())))
    (folder / "x").symlink_to(secret)
    (folder / "index.json").write_text('{"weight_map": {"weight": "x"}}')
    refused(folder / "index.json", "is a link to another folder")


def test_the_harmless_ones_are_read(tmp_path):
    """What the files above are made of, whole."""
    path = tmp_path / "file"
    for content in (
        in_zip(entry(tensor()), np.arange(4, dtype=np.float32).tobytes()),
        legacy(entry(legacy_tensor()), values=struct.pack("<q", 4) + np.arange(4, dtype=np.float32).tobytes()),
        safetensors({"weight": place()}, np.arange(4, dtype=np.float32).tobytes()),
        arrays(weight=np.arange(4, dtype=np.float32)),
    ):
        path.write_bytes(content)
        found = read_weights(path).state_dict
        assert {name: np.asarray(value).tolist() for name, value in found.items()} == {"weight": [0, 1, 2, 3]}


@pytest.mark.parametrize("kind", ["pth", "legacy.pth", "safetensors", "npz"])
def test_random_damage(tmp_path, golden, kind):
    """Each damaged file is read or refused, never more than that."""
    if kind.endswith("pth"):
        whole = (golden / "checkpoints" / ("legacy.pth" if kind == "legacy.pth" else "zip.pth")).read_bytes()
    else:
        whole = safetensors({"weight": place()}) if kind == "safetensors" else arrays(weight=np.arange(4.0))
    rng, path = np.random.default_rng(0), tmp_path / "file"
    for _ in range(150):
        damaged = bytearray(whole)
        for at in rng.integers(len(whole), size=rng.integers(1, 5)):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(len(whole))] if rng.random() < 0.2 else damaged)
        with contextlib.suppress(UserError):
            for value in read_weights(path).state_dict.values():
                np.asarray(value)
