"""Weights for images and windows of one size in a network for another."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.convert import convert_state_dict, export_state_dict
from jaxcls.models import build_classifier
from jaxcls.models.layers import resize_relative_position_bias_table
from tests.models.layers.test_position import resized

VIT = {
    "type": "VisionTransformer",
    "arch": {"embed_dims": 8, "num_layers": 1, "num_heads": 2, "feedforward_channels": 8},
    "img_size": 12,
    "patch_size": 4,
}
SWIN = {
    "type": "SwinTransformer",
    "arch": {"embed_dims": 8, "depths": (1, 1), "num_heads": (2, 4)},
    "img_size": 16,
    "patch_size": 2,
    "window_size": 4,
    "out_indices": (1,),
    "use_abs_pos_embed": True,
}


def classifier(backbone, **changes):
    head = {"type": "VisionTransformerClsHead", "in_channels": 8, "num_classes": 3}
    if backbone is SWIN:
        head = {"type": "LinearClsHead", "in_channels": 16, "num_classes": 3}
    neck = {"type": "GlobalAveragePooling"} if backbone is SWIN else None
    return build_classifier(
        {"type": "ImageClassifier", "backbone": {**backbone, **changes}, "neck": neck, "head": head}
    )


def state_dict(made, size):
    """Values for all of a network's parameters."""
    images = jax.ShapeDtypeStruct((1, *size, 3), jnp.float32)
    shapes = jax.eval_shape(made.init, jax.random.key(0), images)
    rng = np.random.default_rng(0)
    filled = jax.tree.map(lambda leaf: rng.standard_normal(leaf.shape).astype(np.float32), shapes)
    return export_state_dict(made, filled)


def differences(converted, given, made):
    """The names whose values are not the state dict's."""
    found = export_state_dict(made, converted)
    return {name for name, value in given.items() if not np.array_equal(found[name], value)}


def resized_grid(grid, size, mode="bicubic"):
    """(H, W, C) by torch.nn.functional.interpolate, written out."""
    rows = np.apply_along_axis(resized, 0, grid, size[0], mode)
    return np.apply_along_axis(resized, 1, rows, size[1], mode)


@pytest.mark.parametrize(("size", "mode"), [((24, 24), "bicubic"), ((8, 20), "bicubic"), ((24, 16), "bilinear")])
def test_the_vision_transformers_positions(size, mode):
    given = state_dict(classifier(VIT), (12, 12))
    made = classifier(VIT, img_size=size, interpolate_mode=mode)
    converted = convert_state_dict(made, given, (*size, 3))
    assert differences(converted, given, made) == {"backbone.pos_embed"}
    before, after = given["backbone.pos_embed"], converted["params"]["backbone"]["pos_embed"]
    grid = (size[0] // 4, size[1] // 4)
    assert after.dtype == np.float32
    np.testing.assert_array_equal(after[:, :1], before[:, :1])
    expected = resized_grid(before[0, 1:].reshape(3, 3, 8), grid, mode)
    np.testing.assert_allclose(after[0, 1:].reshape(*grid, 8), expected, atol=2e-6)


def test_swins_positions_and_tables():
    given = state_dict(classifier(SWIN), (16, 16))
    made = classifier(SWIN, img_size=24, window_size=6)
    converted = convert_state_dict(made, given, (24, 24, 3))
    tables = [f"stages.{i}.blocks.0.attn.w_msa.relative_position_bias_table" for i in range(2)]
    resized_names = {f"backbone.{name}" for name in ("absolute_pos_embed", *tables)}
    assert differences(converted, given, made) == resized_names
    found = export_state_dict(made, converted)
    expected = resized_grid(given["backbone.absolute_pos_embed"].reshape(8, 8, 8), (12, 12))
    np.testing.assert_allclose(found["backbone.absolute_pos_embed"].reshape(12, 12, 8), expected, atol=2e-6)
    for name in tables:
        table = resize_relative_position_bias_table(7, 11, given[f"backbone.{name}"])  # has tests of its own
        np.testing.assert_array_equal(found[f"backbone.{name}"], table)


def test_the_class_and_the_distillation_token_stay():
    model = {"backbone": {**VIT, "type": "DistilledVisionTransformer"}, "neck": None}
    model["head"] = {"type": "DeiTClsHead", "in_channels": 8, "num_classes": 3}
    given = state_dict(build_classifier({"type": "ImageClassifier", **model}), (12, 12))
    made = build_classifier({"type": "ImageClassifier", **model, "backbone": model["backbone"] | {"img_size": 20}})
    before, after = (given["backbone.pos_embed"], convert_state_dict(made, given, (20, 20, 3)))
    after = after["params"]["backbone"]["pos_embed"]
    np.testing.assert_array_equal(after[:, :2], before[:, :2])
    expected = resized_grid(before[0, 2:].reshape(3, 3, 8), (5, 5))
    np.testing.assert_allclose(after[0, 2:].reshape(5, 5, 8), expected, atol=2e-6)


def test_mvits_positions():
    arch = {"embed_dims": 4, "num_layers": 2, "num_heads": 1, "downscale_indices": (1,)}
    backbone = {"type": "MViT", "arch": arch, "img_size": 16, "use_abs_pos_embed": True}
    head = {"type": "LinearClsHead", "in_channels": 8, "num_classes": 3}
    model = {"type": "ImageClassifier", "neck": {"type": "GlobalAveragePooling"}, "head": head}
    given = state_dict(build_classifier({**model, "backbone": backbone}), (16, 16))
    made = build_classifier({**model, "backbone": {**backbone, "img_size": 32}})
    found = export_state_dict(made, convert_state_dict(made, given, (32, 32, 3)))
    expected = resized_grid(given["backbone.pos_embed"].reshape(4, 4, 4), (8, 8))
    np.testing.assert_allclose(found["backbone.pos_embed"].reshape(8, 8, 4), expected, atol=2e-6)
    for block in range(2):
        for axis in "hw":
            name = f"backbone.blocks.{block}.attn.rel_pos_{axis}"
            expected = np.apply_along_axis(resized, 0, given[name], (15, 7)[block], "bilinear")
            np.testing.assert_allclose(found[name], expected, atol=2e-6)


@pytest.mark.parametrize(
    ("backbone", "name", "shape"),
    [
        (VIT, "pos_embed", (1, 7, 8)),  # not a square's
        (VIT, "pos_embed", (1, 17, 6)),
        (VIT, "pos_embed", (1, 8)),
        (VIT, "cls_token", (1, 2, 8)),
        (SWIN, "absolute_pos_embed", (1, 65, 8)),
        (SWIN, "stages.0.blocks.0.attn.w_msa.relative_position_bias_table", (48, 2)),
        (SWIN, "stages.0.blocks.0.attn.w_msa.relative_position_bias_table", (81, 3)),
    ],
)
def test_what_no_size_explains_is_refused(backbone, name, shape):
    made, size = classifier(backbone), (backbone["img_size"],) * 2
    given = {**state_dict(made, size), f"backbone.{name}": np.zeros(shape, np.float32)}
    with pytest.raises(ValueError, match=r"1 problems: backbone\.\S+ has shape"):
        convert_state_dict(made, given, (*size, 3))


def test_t2ts_positions_are_computed_for_the_size_of_the_weights():
    t2t = {"type": "T2T_ViT", "img_size": 32, "embed_dims": 6, "num_layers": 1}
    backbone = {**t2t, "t2t_cfg": {"token_dims": 4}, "layer_cfgs": {"num_heads": 1, "feedforward_channels": 6}}
    model = {"type": "ImageClassifier", "neck": None}
    model["head"] = {"type": "VisionTransformerClsHead", "in_channels": 6, "num_classes": 3}
    made = build_classifier({**model, "backbone": backbone})
    given = {**state_dict(made, (32, 32)), "backbone.pos_embed": np.zeros((1, 5, 6), np.float32)}
    convert_state_dict(made, given, (32, 32, 3))  # a buffer there, and no parameter here
    larger = build_classifier({**model, "backbone": {**backbone, "img_size": 64}})
    with pytest.raises(ValueError, match=r"backbone.pos_embed has shape \(1, 5, 6\), expected \(1, 17, 6\)"):
        convert_state_dict(larger, given, (64, 64, 3))
