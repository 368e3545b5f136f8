"""Files that PyTorch 2.13 wrote: `zip.pth`, and `legacy.pth` by `_use_new_zipfile_serialization=False`."""

from __future__ import annotations

import itertools
import shutil

import numpy as np
import pytest

from jaxcls.convert.readers import Tensor, read_file
from jaxcls.convert.wrappers import read_weights

BASE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
VALUES = {
    "base": BASE,
    "transposed": BASE.transpose(2, 1, 0),
    "slice": BASE[:, 1:, ::2],
    "last": BASE[1],
    "expanded": np.broadcast_to(np.arange(3, dtype=np.float32), (4, 3)),
    "scalar": np.float32(3),
    "empty": np.zeros((0, 3), np.float32),
    "parameter": np.ones(2, np.float32),
}
DTYPES = (
    *("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2", "complex64"),
)


@pytest.fixture(params=["zip", "legacy"])
def file(request, golden):
    return golden / "checkpoints" / f"{request.param}.pth"


def test_every_dtype(file):
    found = read_file(file)["state_dict"]
    for name in DTYPES:
        values = np.asarray(found[name])
        assert values.dtype.name == name
        expected = [0, 1, 1, 1, 1, 1] if name == "bool" else range(6)
        assert values.astype(complex).tolist() == list(expected)


@pytest.mark.parametrize("name", VALUES)
def test_views_of_one_storage(file, name):
    found = read_file(file)["state_dict"][name]
    assert isinstance(found, Tensor)
    assert (found.shape, found.dtype) == (VALUES[name].shape, np.float32)
    np.testing.assert_array_equal(np.asarray(found), VALUES[name])


def test_a_view_fills_any_array(file):
    found = read_file(file)["state_dict"]["transposed"]
    out = np.empty((2, 3, 4), np.float64)
    found.copy_into(out.transpose())
    np.testing.assert_array_equal(out, BASE)


def test_views_are_read_in_blocks(file, monkeypatch):
    monkeypatch.setattr("jaxcls.convert.readers.tensor._BLOCK", 12)
    found = read_file(file)["state_dict"]
    for name, expected in VALUES.items():
        np.testing.assert_array_equal(np.asarray(found[name]), expected)


def test_what_stands_beside_the_weights(file):
    saved = read_file(file)
    moments = saved["optimizer"]["state"]
    assert [np.shape(moments[i]["exp_avg"]) for i in range(2)] == [(3, 2), (3,)]
    assert saved["optimizer"]["param_groups"][0]["lr"] == 0.125
    weights = read_weights(file)
    assert (weights.key, weights.meta["CLASSES"], weights.meta["epoch"]) == ("state_dict", ("cat", "dog"), 3)
    assert weights.meta["best"] == 91.5
    assert weights.meta["counts"].tolist() == [0, 1, 2]


def test_a_file_that_changes_is_not_read_on(file, tmp_path):
    copy = tmp_path / "copy.pth"
    shutil.copy(file, copy)
    found = read_file(copy)["state_dict"]["base"]
    copy.write_bytes(copy.read_bytes() + b"x")
    with pytest.raises(ValueError, match=r"copy\.pth has changed since it was opened"):
        np.asarray(found)


def test_a_flipped_bit_is_found(golden, tmp_path):
    data = bytearray((golden / "checkpoints" / "zip.pth").read_bytes())
    data[data.index(BASE.tobytes()) + 5] ^= 1
    copy = tmp_path / "copy.pth"
    copy.write_bytes(data)
    with pytest.raises(ValueError, match=r"copy\.pth is damaged: 'zip/data/\d+' is not what was written"):
        np.asarray(read_file(copy)["state_dict"]["base"])


@pytest.mark.parametrize(("legacy", "protocol"), list(itertools.product([False, True], [2, 3, 4, 5])))
def test_every_pickle_protocol(tmp_path, legacy, protocol):
    torch = pytest.importorskip("torch")
    saved = {"weight": torch.arange(6.0).reshape(2, 3).T, "scalar": np.float32(2), "array": np.ones((2, 2))}
    torch.save(saved, tmp_path / "x.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    found = read_file(tmp_path / "x.pth")
    np.testing.assert_array_equal(np.asarray(found["weight"]), saved["weight"].numpy())
    assert found["scalar"] == 2
    np.testing.assert_array_equal(found["array"], saved["array"])
