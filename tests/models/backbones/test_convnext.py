from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jaxcls
from jaxcls.convert import convert_state_dict
from jaxcls.engine.step.parallel import Parallel
from jaxcls.models import build_classifier
from jaxcls.models.backbones import ConvNeXt
from jaxcls.models.backbones.convnext import ConvNeXtBlock
from tests.models.filled import filled

# (arch, last channels, parameters with a 1000-class fully connected layer): MMClassification's own counts
ARCH = nn.FrozenDict(depths=(1, 2), channels=(8, 16))
X = np.random.default_rng(0).standard_normal((4, 16, 16, 3)).astype(np.float32)


@pytest.mark.slow
def test_training_of_the_original(golden, fill):
    data = np.load(golden / "trajectories" / "convnext_tiny_adamw.npz")
    meta = json.loads(str(data["meta"]))
    made = build_classifier({key: value for key, value in meta["model"].items() if value is not None})
    state_dict = {name: fill.fill(name, tuple(shape)) for name, shape in meta["params"]}
    variables = convert_state_dict(made, state_dict, (64, 64, 3))
    with jax.numpy_dtype_promotion("standard"):  # Optax's Adam raises a float to an integer power
        tx = jaxcls.build_optimizer(meta["optimizer"], variables["params"])
    state = jaxcls.create_train_state(variables, tx)
    step = jaxcls.make_train_step(made, tx, parallel=Parallel(devices=jax.devices()[:1]))
    losses = []
    for image_seed, label_seed in zip(meta["image_seeds"], meta["label_seeds"], strict=True):
        images = fill.images(tuple(meta["batch"]), image_seed).transpose(0, 2, 3, 1)
        labels = fill.labels(len(images), 1000, label_seed).astype(np.int32)
        with jax.numpy_dtype_promotion("standard"):
            state, log_vars = step(state, {"image": images, "label": labels}, jax.random.key(0))
        losses.append(log_vars["loss"])
    np.testing.assert_allclose(losses, data["losses"], rtol=1e-5)


def plain_norm(params, x, eps):
    mean = x.mean(-1, keepdims=True)
    var = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(var + eps) * params["scale"] + params["bias"]


def plain_block(params, x):
    """A block in evaluation mode, written out."""
    y = jax.lax.conv_general_dilated(
        x,
        params["depthwise_conv"]["kernel"],
        (1, 1),
        [(3, 3)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
    )
    y = plain_norm(params["norm"], y + params["depthwise_conv"]["bias"], 1e-6)

    def pointwise(name, y):
        return y @ params[name]["kernel"].reshape(y.shape[-1], -1) + params[name]["bias"]

    y = pointwise("pointwise_conv1", y)
    y = pointwise("pointwise_conv2", 0.5 * y * (1 + jax.lax.erf(y / np.sqrt(2.0).astype(np.float32))))
    return x + params.get("gamma", 1.0) * y


@pytest.mark.parametrize("linear_pw_conv", [True, False])
@pytest.mark.parametrize("layer_scale_init_value", [1.0, 0.0])
def test_block_alone_both_directions(linear_pw_conv, layer_scale_init_value):
    block = ConvNeXtBlock(linear_pw_conv=linear_pw_conv, layer_scale_init_value=layer_scale_init_value)
    x = jax.random.normal(jax.random.key(0), (2, 9, 9, 8))
    params = filled(block, x)["params"]
    assert params["pointwise_conv1"]["kernel"].shape == ((8, 32) if linear_pw_conv else (1, 1, 8, 32))
    assert ("gamma" in params) == (layer_scale_init_value > 0)
    ours, theirs = (
        jax.jit(jax.value_and_grad(lambda p, x, f=f: jnp.sum(jnp.sin(f(p, x))), argnums=(0, 1)))(params, x)
        for f in (lambda p, x: block.apply({"params": p}, x), plain_block)
    )
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max()


def test_the_layers_between_blocks():
    """The stem and the layers before a stage, with their norms' different eps, and the last norm after averaging."""
    backbone = ConvNeXt(ARCH, stem_patch_size=2, out_indices=(0, 1))
    params = filled(backbone, X)["params"]
    for layer, leaf in (("downsample_layers.0.1", "scale"), ("downsample_layers.0.1", "bias"), ("stages.0.0", "gamma")):
        params[layer][leaf] *= 1e-3  # small features, of which eps is a part that counts

    def conv(name, x):
        stride = params[name]["kernel"].shape[0]
        dims = ("NHWC", "HWIO", "NHWC")
        y = jax.lax.conv_general_dilated(x, params[name]["kernel"], (stride, stride), "VALID", dimension_numbers=dims)
        return y + params[name]["bias"]

    @jax.jit
    def plain(x):
        x = plain_norm(params["downsample_layers.0.1"], conv("downsample_layers.0.0", x), 1e-6)
        first = plain_block(params["stages.0.0"], x)
        x = conv("downsample_layers.1.1", plain_norm(params["downsample_layers.1.0"], first, 1e-5))
        second = plain_block(params["stages.1.1"], plain_block(params["stages.1.0"], x))
        return [plain_norm(params[f"norm{i}"], x.mean((1, 2)), 1e-6) for i, x in enumerate((first, second))]

    outputs = jax.jit(backbone.apply)({"params": params}, 1e-3 * X)
    for output, expected in zip(outputs, plain(1e-3 * X), strict=True):
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


def test_maps_instead_of_averages():
    backbone = ConvNeXt(ARCH, stem_patch_size=2, gap_before_final_norm=False, out_indices=(0, -1))
    outputs, _ = jax.eval_shape(backbone.init_with_output, jax.random.key(0), X)
    assert [output.shape for output in outputs] == [(4, 8, 8, 8), (4, 4, 4, 16)]


def test_norms_stand_only_after_what_is_returned():
    params = jax.eval_shape(ConvNeXt(ARCH).init, jax.random.key(0), X)["params"]
    assert {name for name in params if name.startswith("norm")} == {"norm1"}


@pytest.mark.parametrize("norm_cfg", [{"type": "BN"}, {"type": "GN", "num_groups": 4}, {"type": "LN"}])
def test_other_norms(norm_cfg):
    backbone = ConvNeXt(ARCH, norm_cfg=nn.FrozenDict(norm_cfg))
    variables = filled(backbone, X)
    (output,), updated = jax.jit(lambda v: backbone.apply(v, X, True, mutable=["batch_stats"]))(variables)
    assert np.all(np.isfinite(output))
    stats = variables.get("batch_stats", {})
    assert len(stats) == (5 if norm_cfg["type"] == "BN" else 0)
    assert not any(map(jnp.array_equal, jax.tree.leaves(stats), jax.tree.leaves(updated)))


def test_frozen_stages_drop_no_paths():
    backbone = ConvNeXt(ARCH, drop_path_rate=0.9, frozen_stages=2)
    variables = filled(backbone, X)
    train, evaluate = (jax.jit(lambda v, train=train: backbone.apply(v, X, train)[0]) for train in (True, False))
    np.testing.assert_allclose(train(variables), evaluate(variables), rtol=1e-6)  # and it needs no rngs


def test_drop_path_grows_from_none_and_drops_whole_branches():
    backbone = ConvNeXt(ARCH, drop_path_rate=0.999, layer_scale_init_value=1.0)
    seen = {}

    def capture(call, args, kwargs, context):
        if isinstance(context.module, ConvNeXtBlock):
            seen[context.module.name] = context.module.drop_path_rate
        return call(*args, **kwargs)

    variables = filled(backbone, X)
    with nn.intercept_methods(capture):
        (dropped,) = backbone.apply(variables, X, True, rngs={"dropout": jax.random.key(1)})
    assert seen == pytest.approx({"stages.0.0": 0.0, "stages.1.0": 0.4995, "stages.1.1": 0.999})
    assert not jnp.allclose(dropped, backbone.apply(variables, X)[0])
