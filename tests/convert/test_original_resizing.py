"""Weights for 224 pixels in networks for 256 and 384, as the original's own loading resizes them.

`tests/golden/resizing/*.npz` have what MMClassification 0.25 and MMPretrain 1.2 made of weights by `fill.py`. Their
`meta` has the two backbones, and the shapes of the parameters before.
"""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxcls.models import ImageClassifier, backbones
from jaxcls.models.heads import ClsHead

FILES = sorted((Path(__file__).parents[1] / "golden" / "resizing").glob("*.npz"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_as_the_original(path, fill):
    data = np.load(path)
    meta = json.loads(str(data["meta"]))
    arguments = {key: value for key, value in meta["after"].items() if key != "type"}
    backbone = getattr(backbones, meta["after"]["type"])(**jax.tree.map(_hashable, arguments, is_leaf=_is_list))
    made, size = ImageClassifier(backbone, ClsHead()), meta["after"]["img_size"]
    images = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    params = traverse_util.flatten_dict(jax.eval_shape(backbone.init, jax.random.key(0), images)["params"])
    shapes = {".".join(("backbone", *keys)): (("backbone", *keys), leaf.shape) for keys, leaf in params.items()}
    names = [name for name in data.files if name != "meta"]
    assert names
    for name in names:
        before = np.float32(fill.fill(name, tuple(dict(meta["params"])[name])))
        after = made.resize_on_load(shapes[name][0], before, shapes[name][1])
        np.testing.assert_allclose(after, data[name], rtol=1e-5, atol=1e-5)


def _is_list(value):
    return isinstance(value, list)


def _hashable(value):
    return tuple(value) if isinstance(value, list) else value
