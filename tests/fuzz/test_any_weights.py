"""Damaged files of weights are read or refused; nothing else happens."""

from __future__ import annotations

import io
import json
import pickle
import struct

import numpy as np
from hypothesis import given

from jaxcls.convert.wrappers import read_weights
from jaxcls.convert.writers import write_file
from tests.convert.readers.test_hostile_files import MAGIC, entry, tensor
from tests.fuzz.mutations import attempt, damaged, examples

WEIGHTS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "bn.bias": np.linspace(-1, 1, 5, dtype=np.float32),
    "bn.num_batches_tracked": np.array(7, np.int64),
}


def written(folder):
    """A file of each form."""
    made = {}
    for suffix in (".pth", ".safetensors"):
        write_file(folder / f"a{suffix}", WEIGHTS, {"CLASSES": ["a", "b"], "epoch": 3})
        made[suffix] = (folder / f"a{suffix}").read_bytes()
    made["legacy"] = MAGIC + entry(tensor()) + pickle.dumps(["0"], 2) + struct.pack("<q4f", 4, 1, 2, 3, 4)
    for name, save in (("npz", np.savez), ("npz, packed", np.savez_compressed)):
        out = io.BytesIO()
        save(out, **WEIGHTS)
        made[name] = out.getvalue()
    made["index"] = json.dumps({"weight_map": dict.fromkeys(WEIGHTS, "a.safetensors")}).encode()
    return made


def test_any_file_of_weights(tmp_path):
    @examples(80)
    @given(damaged(written(tmp_path)))
    def read(content):
        path = tmp_path / "any.index.json" if content.startswith(b"{") else tmp_path / "any"
        path.write_bytes(content)
        arrays, refusal = attempt(
            lambda: [np.asarray(value) for value in read_weights(path).state_dict.values()]  # which reads them
        )
        if refusal:
            assert str(path) in refusal or "a.safetensors" in refusal
        else:
            assert all(array.dtype.kind in "biufcV" for array in arrays)

    read()
