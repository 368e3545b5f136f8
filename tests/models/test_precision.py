"""Every backbone in bfloat16, on one device and with its parameters sharded over several (FSDP)."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

import jaxcls
from jaxcls.engine.step import parallel as parallel_module
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.precision import Precision
from jaxcls.engine.step.train_step import make_train_step
from jaxcls.models import backbones, build_classifier
from tests.models.filled import filled

_RESNET = {"depth": 18, "stem_channels": 8, "base_channels": 8, "num_stages": 1, "out_indices": (0,), "strides": (1,)}
_RESNET |= {"dilations": (1,), "drop_path_rate": 0.2}
_POOLED = ("GlobalAveragePooling", "LinearClsHead")
# a small variant of each: its arguments, neck, head and the features' width
SMALL = {
    "ConvNeXt": (
        {"arch": {"depths": (1, 1), "channels": (8, 16)}, "drop_path_rate": 0.2},
        (None, "LinearClsHead", 16),
    ),
    "LeNet5": ({"num_classes": 8}, (None, "ClsHead", None)),
    "MlpMixer": (
        {
            "arch": {"embed_dims": 16, "num_layers": 1, "tokens_mlp_dims": 8, "channels_mlp_dims": 16},
            "img_size": 16,
            "patch_size": 4,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        (*_POOLED, 16),
    ),
    # batch statistics of so few values, 17 blocks deep, would enlarge any rounding
    "MobileNetV2": ({"widen_factor": 0.1, "norm_eval": True}, (*_POOLED, 1280)),
    "ResNet": (_RESNET, (*_POOLED, 8)),
    "ResNetV1c": (_RESNET, (*_POOLED, 8)),
    "ResNetV1d": (_RESNET, (*_POOLED, 8)),
    "ResNet_CIFAR": (_RESNET, (*_POOLED, 8)),
    "SwinTransformer": (
        {
            "arch": {"embed_dims": 8, "depths": (2, 1), "num_heads": (2, 2)},
            "img_size": 16,
            "patch_size": 2,
            "window_size": 4,
            "out_indices": (1,),
            "use_abs_pos_embed": True,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        (*_POOLED, 16),
    ),
    "VisionTransformer": (
        {
            "arch": {"embed_dims": 16, "num_layers": 2, "num_heads": 2, "feedforward_channels": 16},
            "img_size": 16,
            "patch_size": 4,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        (None, "VisionTransformerClsHead", 16),
    ),
}
SLOW = {"MobileNetV2", "ResNetV1c", "ResNetV1d", "ResNet_CIFAR"}  # blocks that others have too
EIGHT = len(jax.devices())
ONE = Parallel(devices=jax.devices()[:1])


def test_every_backbone_is_here():
    assert SMALL.keys() == set(backbones.__all__)


def classifier(name):
    arguments, (neck, head, width) = SMALL[name]
    return build_classifier(
        {
            "type": "ImageClassifier",
            "backbone": {"type": name, **arguments},
            "neck": neck and {"type": neck, "dim": 1 if name == "MlpMixer" else 2},
            "head": {"type": head} | ({"num_classes": 8, "in_channels": width} if width else {}),
        }
    )


def batch(name):
    rng, size = np.random.default_rng(0), 32 if name in ("LeNet5", "MobileNetV2") else 16
    images = rng.standard_normal((EIGHT, size, size, 3)).astype(np.float32)
    return {"image": images, "label": np.arange(EIGHT, dtype=np.int32) % 8}


@pytest.mark.parametrize("name", SMALL)
def test_what_is_bfloat16_and_what_is_float32(name):
    made, data = classifier(name), batch(name)
    variables = jax.eval_shape(Precision("bfloat16").cast, filled(made, data["image"]))
    images = jax.ShapeDtypeStruct(data["image"].shape, jnp.bfloat16)

    def forward(variables, images):
        return made.apply(
            variables,
            images,
            data["label"],
            method="forward_train",
            rngs={"dropout": jax.random.key(0)},
            mutable=["batch_stats", "intermediates"],
            capture_intermediates=True,
        )

    jaxpr, (losses, updated) = jax.make_jaxpr(forward, return_shape=True)(variables, images)
    between = jax.tree.leaves_with_path(updated["intermediates"])
    assert len(between) >= 5
    assert not [(jax.tree_util.keystr(path), leaf.dtype) for path, leaf in between if leaf.dtype != jnp.bfloat16]
    assert losses["loss"].dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(updated.get("batch_stats", {})))
    assert set(re.findall(r":(\w+)\[[\d,]*\] = exp ", str(jaxpr))) == {"f32"}  # each softmax


@pytest.mark.parametrize("parallel", [Parallel("jit"), pytest.param(ONE, marks=pytest.mark.slow)], ids=["FSDP", "one"])
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in SMALL])
def test_a_training_step(name, parallel, monkeypatch):
    monkeypatch.setattr(parallel_module, "_MIN_SHARDED_SIZE", 1)
    made, data, tx = classifier(name), batch(name), optax.sgd(0.1)
    variables = filled(made, data["image"])

    def run(precision, parallel):
        """The loss, and how far each parameter moved."""
        step = make_train_step(made, tx, parallel=parallel, precision=Precision(precision))
        state, log_vars = step(jaxcls.create_train_state(variables, tx), data, jax.random.key(0))
        whole = [leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(state.params)]
        assert all(whole) if parallel is ONE else not all(whole)
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((state.params, state.batch_stats)))
        return float(log_vars["loss"]), jax.tree.map(np.subtract, jax.device_get(state.params), variables["params"])

    (loss, moves), (expected_loss, expected) = run("bfloat16", parallel), run("float32", ONE)
    assert not [jax.tree_util.keystr(path) for path, move in jax.tree.leaves_with_path(moves) if not np.any(move)]
    assert loss == pytest.approx(expected_loss, rel=0.03)
    assert loss != expected_loss
    (found, _), (wanted, _) = ravel_pytree(moves), ravel_pytree(expected)
    assert np.all(np.isfinite(found))
    assert jnp.vdot(found, wanted) / jnp.linalg.norm(found) / jnp.linalg.norm(wanted) > 0.98
