from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

from jaxcls.errors import UserError
from jaxcls.models.backbones import SwinTransformer
from jaxcls.models.backbones.swin_transformer import SwinBlock
from jaxcls.models.layers import ShiftWindowMSA, resize_pos_embed
from tests.models.filled import parameters

# (arch, image, stage_cfgs, channels, classes, parameters): MMClassification's own counts
TINY = {
    "arch": {"embed_dims": 8, "depths": (2, 2), "num_heads": (2, 4)},
    "img_size": 16,
    "patch_size": 2,
    "window_size": 2,
    "out_indices": (0, 1),
}
SHALLOW = TINY | {"arch": {"embed_dims": 8, "depths": (1, 1), "num_heads": (2, 4)}}
X = np.random.default_rng(0).standard_normal((2, 16, 16, 3), np.float32)


def apply(backbone, params, x=X, train=False, key=1):
    function = jax.jit(backbone.apply, static_argnums=2)
    return function({"params": params}, x, train, rngs={"dropout": jax.random.key(key)} if train else None)


@pytest.mark.parametrize("shift", [False, True])
def test_block_both_directions(shift):
    block = SwinBlock(num_heads=2, window_size=4, shift=shift, ffn_ratio=2.0)
    x = np.random.default_rng(1).standard_normal((2, 8, 8, 8), np.float32)
    params = parameters(block, x)
    attention = ShiftWindowMSA(num_heads=2, window_size=4, shift_size=2 if shift else 0)  # has tests of its own

    def plain(params, x):
        def norm(name, y):
            mean, var = y.mean(-1, keepdims=True), y.var(-1, keepdims=True)
            return (y - mean) / jnp.sqrt(var + 1e-5) * params[name]["scale"] + params[name]["bias"]

        def linear(name, y):
            return y @ params["ffn"][name]["kernel"] + params["ffn"][name]["bias"]

        x = x + attention.apply({"params": params["attn"]}, norm("norm1", x))
        y = linear("layers.0.0", norm("norm2", x))
        return x + linear("layers.1", y * 0.5 * (1 + erf(y / np.sqrt(2))))

    assert params["ffn"]["layers.0.0"]["kernel"].shape == (8, 16)
    found, expected = (
        jax.jit(jax.value_and_grad(lambda params, x, f=f: jnp.sum(jnp.sin(f(params, x))), argnums=(0, 1)))(params, x)
        for f in (lambda params, x: block.apply({"params": params}, x), plain)
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), 1.0)


def test_outputs_before_and_after_patches_are_merged():
    backbone = SwinTransformer(**TINY)
    params = parameters(backbone, X)
    first, last = apply(backbone, params)
    assert (first.shape, last.shape) == ((2, 8, 8, 8), (2, 4, 4, 16))
    assert params["norm0"]["scale"].shape == (8,)

    late = backbone.clone(out_after_downsample=True)
    late_params = parameters(late, X)
    assert late_params["norm0"]["scale"].shape == (16,)
    shared = {**params, "norm0": late_params["norm0"]}
    late_first, late_last = apply(late, shared)
    assert late_first.shape == (2, 4, 4, 16)
    np.testing.assert_allclose(late_last, last, rtol=1e-6, atol=1e-6)  # two programs, which round differently

    (unnormed,) = apply(backbone.clone(norm_cfg=None, out_indices=(1,)), params)
    mean, var = unnormed.mean(-1, keepdims=True), unnormed.var(-1, keepdims=True)
    expected = (unnormed - mean) / np.sqrt(var + 1e-5) * params["norm1"]["scale"] + params["norm1"]["bias"]
    np.testing.assert_allclose(last, expected, atol=2e-5)


def test_every_second_block_is_shifted():
    backbone = SwinTransformer(**TINY, norm_cfg=None, drop_path_rate=0.0)
    params = parameters(backbone, X)

    def changed(depth):
        """The pixels of the last map that a corner pixel reaches."""
        one = backbone.clone(arch={"embed_dims": 8, "depths": (depth,), "num_heads": (2,)}, out_indices=(0,))
        images = X.copy()
        images[:, :2, :2] += 1.0
        difference = apply(one, params, images)[0] - apply(one, params)[0]
        return np.abs(difference).max((0, 3)) > 1e-6

    assert np.array_equal(np.argwhere(changed(1)), [[0, 0], [0, 1], [1, 0], [1, 1]])
    # A corner's window stays one with the shift: 3 x 3, for the mask cuts what the roll brings from the other side.
    assert np.array_equal(np.argwhere(changed(2)), np.argwhere(np.ones((3, 3))))


def test_absolute_positions_for_another_size():
    backbone = SwinTransformer(**SHALLOW, use_abs_pos_embed=True)
    params = parameters(backbone, X)
    assert params["absolute_pos_embed"].shape == (1, 64, 8)
    images = np.random.default_rng(2).standard_normal((2, 8, 24, 3), np.float32)
    resized = resize_pos_embed(params["absolute_pos_embed"], (8, 8), (4, 12), num_extra_tokens=0)
    expected = apply(backbone.clone(img_size=(8, 24)), {**params, "absolute_pos_embed": resized}, images)
    for found, value in zip(apply(backbone, params, images), expected, strict=True):
        np.testing.assert_allclose(found, value, atol=2e-6)


def test_stages_and_blocks_of_their_own():
    stages = (
        {"block_cfgs": ({"window_size": 4, "attn_cfgs": {"qkv_bias": False}}, {"ffn_cfgs": {"num_fcs": 3}})},
        {"block_cfgs": {"ffn_ratio": 2.0}},
    )
    params = parameters(SwinTransformer(**TINY, stage_cfgs=stages, patch_cfg={"norm_cfg": None}), X)
    first, second = params["stages.0"]["blocks.0"], params["stages.0"]["blocks.1"]
    assert first["attn"]["w_msa"]["relative_position_bias_table"].shape == (49, 2)
    assert "bias" not in first["attn"]["w_msa"]["qkv"]
    assert second["attn"]["w_msa"]["relative_position_bias_table"].shape == (9, 2)
    assert second["ffn"]["layers.1.0"]["kernel"].shape == (32, 32)
    assert params["stages.1"]["blocks.1"]["ffn"]["layers.0.0"]["kernel"].shape == (16, 32)
    assert "norm" not in params["patch_embed"]
    merged = {"downsample_cfg": {"kernel_size": 3, "out_channels": 12}}
    params = parameters(SwinTransformer(**TINY, stage_cfgs=merged), X)
    assert params["stages.0"]["downsample"]["reduction"]["kernel"].shape == (72, 12)


def test_small_maps():
    backbone = SwinTransformer(**TINY | {"window_size": 7})
    with pytest.raises(UserError, match="window_size=7 with a feature map of 4x4: set pad_small_map=True"):
        parameters(backbone, X)
    padded = backbone.clone(pad_small_map=True)
    assert apply(padded, parameters(padded, X))[1].shape == (2, 4, 4, 16)


def test_drop_path_grows_with_the_depth():
    backbone = SwinTransformer(**SHALLOW, drop_path_rate=1.0 - 1e-7, norm_cfg=None)
    params = parameters(backbone, X)
    first, last = apply(backbone, params, train=True)
    merged, _ = apply(backbone.clone(out_after_downsample=True), params)
    np.testing.assert_array_equal(first, apply(backbone, params)[0])  # rate 0
    np.testing.assert_array_equal(last, merged)  # rate 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SwinTransformer("tinny"), "arch='tinny'; did you mean 'tiny'"),
        (lambda: SwinTransformer({"embed_dims": 8}), "a dict needs embed_dims, depths, num_heads"),
        (lambda: SwinTransformer({"embed_dims": 8, "depths": (1,), "num_heads": (1, 2)}), "2 num_heads for 1 depths"),
        (lambda: SwinTransformer(out_indices=(4,)), r"out_indices=\(4,\); allowed: -4 to 3"),
        (lambda: SwinTransformer(frozen_stages=4), "frozen_stages=4; allowed: -1 to 3"),
        (lambda: run(stage_cfgs=({},)), "stage_cfgs: 1 configs for 2"),
        (lambda: run(stage_cfgs={"block_cfg": {}}), "no argument 'block_cfg'; did you mean 'block_cfgs'"),
        (lambda: run(stage_cfgs={"block_cfgs": {"windows": 2}}), "block_cfgs: SwinBlock has no argument 'windows'"),
    ],
)
def test_messages(make, message):
    with pytest.raises(UserError, match=message):
        make()


def run(**arguments):
    jax.eval_shape(SwinTransformer(**TINY, **arguments).init, jax.random.key(0), X)
