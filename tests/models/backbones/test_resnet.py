from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.models.backbones import ResNet_CIFAR, ResNetV1c, ResNetV1d
from jaxcls.models.backbones.resnet import BasicBlock, Bottleneck
from tests.models.filled import filled

# (class, arguments, parameters with a 1000-class fully connected layer): MMClassification's own counts


def plain_block(params, stats, x, stride, bottleneck, caffe):
    """A block in evaluation mode, written out."""

    def conv(name, y, stride=1):
        kernel = params[name]["kernel"]
        pad = kernel.shape[0] // 2
        dims = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(y, kernel, (stride, stride), [(pad, pad)] * 2, dimension_numbers=dims)

    def norm(name, y):
        y = (y - stats[name]["mean"]) / jnp.sqrt(stats[name]["var"] + 1e-5)
        return y * params[name]["scale"] + params[name]["bias"]

    shortcut = norm("downsample.1", conv("downsample.0", x, stride)) if "downsample.0" in params else x
    if bottleneck:
        y = jax.nn.relu(norm("bn1", conv("conv1", x, stride if caffe else 1)))
        y = jax.nn.relu(norm("bn2", conv("conv2", y, 1 if caffe else stride)))
        y = norm("bn3", conv("conv3", y))
    else:
        y = jax.nn.relu(norm("bn1", conv("conv1", x, stride)))
        y = norm("bn2", conv("conv2", y))
    return jax.nn.relu(y + shortcut)


@pytest.mark.parametrize("style", ["pytorch", "caffe"])
@pytest.mark.parametrize(("kind", "expansion"), [(BasicBlock, 1), (Bottleneck, 4)])
@pytest.mark.parametrize(("stride", "features"), [(1, 16), (2, 32)])
def test_blocks_alone_both_directions(kind, expansion, stride, features, style):
    block = kind(features, expansion, stride, style=style, downsample=stride != 1, zero_init_residual=False)
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 16))
    variables = filled(block, x)
    stats = variables["batch_stats"]

    def ours(params, x):
        return jnp.sum(jnp.sin(block.apply({"params": params, "batch_stats": stats}, x)))

    def theirs(params, x):
        return jnp.sum(jnp.sin(plain_block(params, stats, x, stride, kind is Bottleneck, style == "caffe")))

    ours, theirs = (jax.jit(jax.value_and_grad(f, argnums=(0, 1)))(variables["params"], x) for f in (ours, theirs))
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), 1.0)


def train(backbone, x):
    variables = filled(backbone, x)

    def loss(params):
        outputs, updated = backbone.apply(
            {**variables, "params": params}, x, True, mutable=["batch_stats"], rngs={"dropout": jax.random.key(3)}
        )
        return sum(jnp.sum(jnp.square(output)) for output in outputs), updated.get("batch_stats", {})

    (value, stats), grads = jax.jit(jax.value_and_grad(loss, has_aux=True))(variables["params"])
    return variables, value, stats, grads


X = np.random.default_rng(0).standard_normal((4, 16, 16, 3)).astype(np.float32)
SMALL = {"depth": 18, "stem_channels": 8, "base_channels": 8, "num_stages": 2, "out_indices": (1,)}


def test_drop_path_drops_whole_branches_in_training_only():
    backbone = ResNet_CIFAR(**SMALL, drop_path_rate=0.5, zero_init_residual=False)
    variables = filled(backbone, X)

    @jax.jit
    def trained(key):
        return backbone.apply(variables, X, True, mutable=["batch_stats"], rngs={"dropout": key})[0][0]

    assert not jnp.allclose(trained(jax.random.key(1)), trained(jax.random.key(2)))
    evaluated = jax.jit(lambda: backbone.apply(variables, X)[0])
    assert jnp.array_equal(evaluated(), evaluated())


def test_zero_init_residual_makes_blocks_identities():
    variables = ResNet_CIFAR(**SMALL).init(jax.random.key(0), X)
    assert not np.any(variables["params"]["layer1.0"]["bn2"]["scale"])
    variables = ResNet_CIFAR(**SMALL, zero_init_residual=False).init(jax.random.key(0), X)
    assert np.all(variables["params"]["layer1.0"]["bn2"]["scale"] == 1)


@pytest.mark.parametrize("norm_cfg", [{"type": "GN", "num_groups": 4}, {"type": "LN"}, {"type": "SyncBN"}])
def test_other_norms(norm_cfg):
    backbone = ResNet_CIFAR(**SMALL, norm_cfg=nn.FrozenDict(norm_cfg))
    stem = {"GN": "gn1", "LN": "ln1", "SyncBN": "bn1"}[norm_cfg["type"]]
    variables, value, *_ = train(backbone, X)
    assert stem in variables["params"]
    assert np.isfinite(value)


def test_features_of_all_stages():
    backbone = ResNetV1d(50, stem_channels=8, base_channels=8, out_indices=(0, 1, 2, 3))
    images = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    outputs, _ = jax.eval_shape(backbone.init_with_output, jax.random.key(0), images)
    assert [output.shape for output in outputs] == [(1, 16, 16, 32), (1, 8, 8, 64), (1, 4, 4, 128), (1, 2, 2, 256)]


def test_odd_maps_of_pooling_shortcuts():
    backbone = ResNetV1d(18, stem_channels=8, base_channels=8)
    images = jax.ShapeDtypeStruct((1, 36, 36, 3), jnp.float32)
    (output,), _ = jax.eval_shape(backbone.init_with_output, jax.random.key(0), images)
    assert output.shape == (1, 2, 2, 64)  # 9 -> 5 -> 3 -> 2: windows over the edge count


def test_variants_are_resnets_with_other_defaults():
    assert (ResNetV1c(18).deep_stem, ResNetV1c(18).avg_down) == (True, False)
    assert (ResNetV1d(18).deep_stem, ResNetV1d(18).avg_down) == (True, True)
