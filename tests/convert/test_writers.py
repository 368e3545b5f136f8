from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from jaxcls.convert import writers
from jaxcls.convert.readers import read_file
from jaxcls.convert.wrappers import read_weights
from jaxcls.convert.writers import write_file
from jaxcls.errors import UserError

ARRAYS = {
    "matrix.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "scalar": np.asarray(3, np.float64),
    "empty": np.zeros((0, 2), np.float16),
    "half": np.ones(3, ml_dtypes.bfloat16),
    "whole": np.arange(-3, 3),
    "truth": np.array([True, False]),
}
META = {
    "CLASSES": ["cat", "猫"],
    "epoch": 3,
    "large": 2**70,
    "negative": [-1, -128, -129],
    "loss": 1.5,
    "none": None,
    "true": True,
    "nested": {"a": [{}, []]},
}


@pytest.mark.parametrize("suffix", ["pth", "pt", "safetensors"])
def test_what_is_written_is_read(tmp_path, suffix):
    path = write_file(tmp_path / f"x.{suffix}", ARRAYS, META)
    found = read_weights(path)
    assert found.meta == META
    assert list(found.state_dict) == list(ARRAYS)
    for name, expected in ARRAYS.items():
        value = np.asarray(found.state_dict[name])
        assert (value.dtype, value.shape, value.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("large", [2**31, 0])
def test_pytorch_reads_it(tmp_path, monkeypatch, mmap, large):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(writers, "_LARGE", large)
    path = write_file(tmp_path / "x.pth", ARRAYS, META)
    found = torch.load(path, weights_only=True, mmap=mmap)
    assert found["meta"] == META
    for name, expected in ARRAYS.items():
        np.testing.assert_array_equal(found["state_dict"][name].double().numpy(), expected.astype(np.float64))


@pytest.mark.parametrize("large", [2**31, 0])
def test_storages_lie_as_pytorch_lays_them(tmp_path, monkeypatch, large):
    monkeypatch.setattr(writers, "_LARGE", large)
    path = write_file(tmp_path / "x.pth", ARRAYS, {})
    storages = [tensor._storage.blob.start for tensor in read_file(path)["state_dict"].values()]
    assert not any(start % 64 for start in storages)


@pytest.mark.parametrize(
    ("name", "arrays", "meta", "message"),
    [
        ("x.bin", ARRAYS, {}, r"x\.bin: a file of weights ends with \.pth, \.pt, \.safetensors"),
        ("no/x.pth", ARRAYS, {}, r"x\.pth cannot be written: No such file"),
        ("x.pth", {"a": np.array(["text"])}, {}, "array 0 is <U4; a file of weights can hold float32, "),
        ("x.safetensors", {"a": np.array(["text"])}, {}, "a is <U4; a file of weights can hold bool, "),
        ("x.pth", {}, {"a": object()}, "meta has a value of type object"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, arrays, meta, message):
    with pytest.raises(UserError, match=message):
        write_file(tmp_path / name, arrays, meta)
    assert list(tmp_path.iterdir()) == []
