from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.convert import convert_state_dict
from jaxcls.models import build_classifier
from jaxcls.models.backbones import MobileNetV2
from jaxcls.models.backbones.mobilenet_v2 import InvertedResidual
from tests.models.filled import filled


def from_golden(golden, fill, name):
    data = np.load(golden / f"{name}.npz")
    meta = json.loads(str(data["meta"]))
    made = build_classifier({key: value for key, value in meta["model"].items() if value is not None})
    state_dict = {name: fill.fill(name, tuple(shape)) for name, shape in meta["params"]}
    return data, meta, made, state_dict, convert_state_dict(made, state_dict, (64, 64, 3))


@pytest.mark.slow
def test_first_training_loss_of_the_original(golden, fill):
    """Batch statistics included.

    The further losses of that run cannot be tested in float32: another rounding of the initial weights alone, in
    float64 (relative 3e-8), moves them by some 2%.
    """
    data, meta, made, _, variables = from_golden(golden, fill, "trajectories/mobilenet_v2_nesterov")
    images = fill.images(tuple(meta["batch"]), meta["image_seeds"][0]).transpose(0, 2, 3, 1)
    labels = jnp.asarray(fill.labels(len(images), 1000, meta["label_seeds"][0]), jnp.int32)
    forward = jax.jit(lambda v: made.apply(v, images, labels, method="forward_train", mutable=["batch_stats"])[0])
    np.testing.assert_allclose(forward(variables)["loss"], data["losses"][0], rtol=1e-5)


def plain_block(params, stats, x, stride, expand_ratio):
    """A block in evaluation mode, written out."""

    def layer(y, index, stride, groups, clip):
        kernel = params[f"conv.{index}"]["conv"]["kernel"]
        pad = kernel.shape[0] // 2
        y = jax.lax.conv_general_dilated(
            y,
            kernel,
            (stride, stride),
            [(pad, pad)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )
        norm, stat = params[f"conv.{index}"]["bn"], stats[f"conv.{index}"]["bn"]
        y = (y - stat["mean"]) / jnp.sqrt(stat["var"] + 1e-5) * norm["scale"] + norm["bias"]
        return jnp.minimum(jnp.maximum(y, 0), 6) if clip else y

    hidden, first = x.shape[-1] * expand_ratio, int(expand_ratio > 1)
    y = layer(x, 0, 1, 1, True) if first else x
    y = layer(layer(y, first, stride, hidden, True), first + 1, 1, 1, False)
    return x + y if stride == 1 and y.shape == x.shape else y


@pytest.mark.parametrize(("features", "stride", "expand_ratio"), [(8, 1, 6), (16, 1, 6), (16, 2, 6), (8, 1, 1)])
def test_block_alone_both_directions(features, stride, expand_ratio):
    block = InvertedResidual(features, stride, expand_ratio)
    x = 3 * jax.random.normal(jax.random.key(0), (2, 7, 7, 8))
    variables = filled(block, x)
    params, stats = variables["params"], variables["batch_stats"]

    def ours(params, x):
        return jnp.sum(jnp.square(block.apply({"params": params, "batch_stats": stats}, x)))

    def theirs(params, x):
        return jnp.sum(jnp.square(plain_block(params, stats, x, stride, expand_ratio)))

    ours, theirs = (jax.jit(jax.value_and_grad(f, argnums=(0, 1)))(params, x) for f in (ours, theirs))
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max()


def test_no_shortcut_with_a_stride_even_where_the_shapes_agree():
    block, x = InvertedResidual(8, 2, 6), jnp.ones((1, 1, 1, 8))
    variables = filled(block, x)
    zeroed = {**variables, "params": jax.tree.map(jnp.zeros_like, variables["params"])}
    assert not np.any(block.apply(zeroed, x))


@pytest.mark.parametrize(("widen_factor", "stem", "last"), [(0.35, 16, 1280), (1.0, 32, 1280), (1.4, 48, 1792)])
def test_widths(widen_factor, stem, last):
    backbone = MobileNetV2(widen_factor, out_indices=(0, 7))
    images = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    outputs, variables = jax.eval_shape(backbone.init_with_output, jax.random.key(0), images)
    assert variables["params"]["conv1"]["conv"]["kernel"].shape == (3, 3, 3, stem)
    assert outputs[1].shape == (1, 2, 2, last)


def test_features_of_all_stages():
    backbone = MobileNetV2(out_indices=tuple(range(8)))
    images = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    outputs, _ = jax.eval_shape(backbone.init_with_output, jax.random.key(0), images)
    sizes = [(output.shape[1], output.shape[3]) for output in outputs]
    assert sizes == [(32, 16), (16, 24), (8, 32), (4, 64), (4, 96), (2, 160), (2, 320), (2, 1280)]
