from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jaxcls
from jaxcls.convert import convert_state_dict, export_state_dict
from jaxcls.engine.step.parallel import Parallel
from jaxcls.errors import UserError
from jaxcls.models import build_classifier
from jaxcls.models.backbones import MobileNetV2
from jaxcls.models.backbones.mobilenet_v2 import InvertedResidual, make_divisible
from tests.models.filled import filled

NARROW = {"widen_factor": 0.1}
X = np.random.default_rng(0).standard_normal((4, 32, 32, 3)).astype(np.float32)


def classifier(in_channels=1280, num_classes=10, **backbone):
    head = {"type": "LinearClsHead", "num_classes": num_classes, "in_channels": in_channels}
    neck = {"type": "GlobalAveragePooling"}
    backbone = {"type": "MobileNetV2", **backbone}
    return build_classifier({"type": "ImageClassifier", "backbone": backbone, "neck": neck, "head": head})


def from_golden(golden, fill, name):
    data = np.load(golden / f"{name}.npz")
    meta = json.loads(str(data["meta"]))
    made = build_classifier({key: value for key, value in meta["model"].items() if value is not None})
    state_dict = {name: fill.fill(name, tuple(shape)) for name, shape in meta["params"]}
    return data, meta, made, state_dict, convert_state_dict(made, state_dict, (64, 64, 3))


def test_parameter_count():
    made = classifier(num_classes=1000)
    shapes = jax.eval_shape(made.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == 3_504_872


def test_logits_of_the_original(golden, fill):
    data, meta, made, state_dict, variables = from_golden(golden, fill, "models/mobilenet_v2")
    logits = jax.jit(made.apply)(variables, fill.images(tuple(meta["input"]["shape"]), 0).transpose(0, 2, 3, 1))
    assert np.abs(logits - data["logits"]).max() / np.abs(data["logits"]).max() < 1e-5
    exported = export_state_dict(made, variables)
    assert exported.keys() == state_dict.keys()
    assert all(np.array_equal(exported[key], value) for key, value in state_dict.items())


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


@pytest.mark.parametrize(
    ("channels", "expected"), [(32, 32), (3.2, 8), (11.2, 16), (22.4, 24), (33.6, 32), (16 * 0.35, 8), (24 * 1.4, 32)]
)
def test_make_divisible(channels, expected):
    assert make_divisible(channels) == expected


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


def train(backbone):
    """Variables, and output and statistics after a forward pass in training."""
    shapes = jax.eval_shape(backbone.init, jax.random.key(0), X)
    rng = np.random.default_rng(0)  # quicker than to compile what initialises
    variables = jax.tree.map(lambda leaf: rng.uniform(0.1, 1.0, leaf.shape).astype(np.float32), shapes)
    forward = jax.jit(lambda v: backbone.apply(v, X, True, mutable=["batch_stats"]))
    (output,), updated = forward(variables)
    return variables, output, updated["batch_stats"]


def test_frozen_stages_keep_their_statistics():
    backbone = MobileNetV2(**NARROW, frozen_stages=2)
    variables, _, after = train(backbone)
    before = variables["batch_stats"]
    for name in before:
        same = all(map(jnp.array_equal, jax.tree.leaves(before[name]), jax.tree.leaves(after[name])))
        assert same == name.startswith(("conv1", "layer1.", "layer2."))
    frozen = {path[0].key for path, _ in jax.tree_util.tree_leaves_with_path(variables["params"])}
    frozen = {name for name in frozen if backbone.is_frozen((name, "conv.0", "conv", "kernel"))}
    assert frozen == {"conv1", "layer1.0", "layer2.0", "layer2.1"}


def test_norm_eval_uses_no_batch_statistics():
    backbone = MobileNetV2(**NARROW, norm_eval=True)
    variables, _, stats = train(backbone)
    assert all(map(jnp.array_equal, jax.tree.leaves(stats), jax.tree.leaves(variables["batch_stats"])))


def test_norms_without_requires_grad_are_frozen():
    backbone = MobileNetV2(norm_cfg=nn.FrozenDict(type="BN", requires_grad=False))
    assert backbone.is_frozen(("layer1.0", "conv.0", "bn", "scale"))
    assert not backbone.is_frozen(("layer1.0", "conv.0", "conv", "kernel"))
    assert not MobileNetV2(norm_cfg=None).is_frozen(("conv2", "conv", "bias"))


@pytest.mark.parametrize("train", [False, True])
def test_activation_checkpointing_wraps_every_block_in_training(train):
    backbone = MobileNetV2(**NARROW, with_cp=True)
    variables = jax.eval_shape(backbone.init, jax.random.key(0), X)
    forward = jax.make_jaxpr(lambda v: backbone.apply(v, X, train, mutable=["batch_stats"]))(variables)
    assert str(forward).count("prevent_cse") == (17 if train else 0)


@pytest.mark.slow
def test_every_parameter_moves_in_a_bfloat16_step():
    made = classifier(**NARROW)
    variables = jax.jit(made.init)(jax.random.key(0), X)
    tx = jaxcls.build_optimizer({"type": "SGD", "lr": 0.1}, variables["params"])
    step = jaxcls.make_train_step(
        made, tx, parallel=Parallel(devices=jax.devices()[:1]), preprocess=lambda images: images.astype(jnp.bfloat16)
    )
    state, log_vars = step(
        jaxcls.create_train_state(variables, tx), {"image": X, "label": np.arange(4, dtype=np.int32)}, jax.random.key(0)
    )
    assert np.isfinite(log_vars["loss"])
    for before, after in zip(*map(jax.tree.leaves, (variables["params"], state.params)), strict=True):
        assert np.all(np.isfinite(after))
        assert np.any(before != after)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widen_factor": 0}, "widen_factor=0; allowed: above 0"),
        ({"out_indices": (8,)}, r"out_indices=\(8,\); allowed: a list of 0 to 7"),
        ({"out_indices": 7}, "out_indices=7; allowed: a list of 0 to 7"),
        ({"frozen_stages": 8}, "frozen_stages=8; allowed: -1 to 7"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(UserError, match=message):
        MobileNetV2(**arguments)
