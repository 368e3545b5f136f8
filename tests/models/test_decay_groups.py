"""The recipes' `custom_keys` lack the dot with which the original's begin, which a ConfigDict does not take."""

from __future__ import annotations

import importlib

import jax
import jax.numpy as jnp
import pytest

from jaxcls.engine.optim import multipliers
from jaxcls.engine.optim.paramwise import is_multipliers
from jaxcls.models import build_classifier

SWIN = (".absolute_pos_embed", ".relative_position_bias_table")
VIT = (".cls_token", ".pos_embed")


@pytest.mark.parametrize(
    ("recipe", "variant", "keys", "backbone", "count"),
    [
        ("swin", "tiny", SWIN, {}, 12),
        ("swin", "base", SWIN, {"use_abs_pos_embed": True}, 25),
        ("deit", "tiny", VIT, {}, 2),
        ("vit", "base-p16", VIT, {}, 2),
    ],
)
def test_they_mean_the_same_parameters(recipe, variant, keys, backbone, count):
    config = importlib.import_module(f"configs.{recipe}").get_config(variant)
    config.model.backbone.update(backbone)
    images = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
    params = jax.eval_shape(build_classifier(config.model).init, jax.random.key(0), images)["params"]
    paramwise = config.optimizer.paramwise_cfg.to_dict()
    original = {**paramwise, "custom_keys": {key: {"decay_mult": 0.0} for key in keys}}
    assert multipliers(params, **paramwise) == multipliers(params, **original)
    plain = multipliers(params, **{**paramwise, "custom_keys": {}})
    leaves = (jax.tree.leaves(tree, is_leaf=is_multipliers) for tree in (plain, multipliers(params, **original)))
    assert sum(before != after for before, after in zip(*leaves, strict=True)) == count
