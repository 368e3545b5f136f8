"""Biases for the relative positions of patches and class token."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models.backbones import BEiTViT
from jaxcls.models.backbones.beit import relative_position_index

ARCH = {"embed_dims": 8, "num_layers": 2, "num_heads": 2, "feedforward_channels": 8}


def test_relative_position_index():
    height, width = 2, 3
    index = relative_position_index(height, width)
    count = (2 * height - 1) * (2 * width - 1)
    assert (index[0, 1:] == count).all()
    assert (index[1:, 0] == count + 1).all()
    assert index[0, 0] == count + 2
    for i in range(height * width):
        for j in range(height * width):
            rows, columns = i // width - j // width, i % width - j % width
            assert index[i + 1, j + 1] == (rows + height - 1) * (2 * width - 1) + columns + width - 1


@pytest.mark.parametrize(
    ("own", "shared", "place"), [(True, False, ("layers.1", "attn")), (False, True, ("rel_pos_bias",))]
)
def test_where_the_table_is(own, shared, place):
    made = BEiTViT(ARCH, 8, 4, use_rel_pos_bias=own, use_shared_rel_pos_bias=shared)
    images = jax.ShapeDtypeStruct((1, 8, 8, 3), jnp.float32)
    node = jax.eval_shape(made.init, jax.random.key(0), images)["params"]
    for name in place:
        node = node[name]
    assert node["relative_position_bias_table"].shape == (12, 2)


def test_images_of_another_size_are_refused():
    with pytest.raises(UserError, match="images of 3x3 patches; img_size=8 has 2x2"):
        jax.eval_shape(BEiTViT(ARCH, 8, 4).init, jax.random.key(0), jax.ShapeDtypeStruct((1, 12, 12, 3), jnp.float32))


def test_tables_are_resized_on_load_but_for_the_class_token():
    made, table = BEiTViT(ARCH, 12, 4), np.random.default_rng(0).standard_normal((12, 2)).astype(np.float32)
    resized = made.resize_on_load(("layers.0", "attn", "relative_position_bias_table"), table, (28, 2))
    assert resized.shape == (28, 2)
    np.testing.assert_array_equal(resized[-3:], table[-3:])
