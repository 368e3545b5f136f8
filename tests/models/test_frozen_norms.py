"""`norm_cfg=dict(requires_grad=False)` means the same in every part of a classifier."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

import jaxcls
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.train_step import make_train_step
from jaxcls.models import build_classifier
from tests.models.families import FAMILIES, images
from tests.models.filled import filled

ONE = Parallel(devices=jax.devices()[:1])
STACKED = {"type": "StackedLinearClsHead", "num_classes": 8, "mid_channels": (4,)}


def moved(name, norm_cfg, head_norm):
    """The paths of the parameters that a step with momentum and weight decay moves, and of those that it does not."""
    family = FAMILIES[name]
    arguments = {**family.arguments, "norm_cfg": norm_cfg}
    head = {**STACKED, "norm_cfg": head_norm}
    made = build_classifier(
        {
            "type": "ImageClassifier",
            "backbone": {"type": name, **arguments},
            "neck": {"type": "GlobalAveragePooling"},
            "head": head,
        }
    )
    data = images(name, 4)
    variables = filled(made, data)
    tx = optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1, momentum=0.9))
    step = make_train_step(made, tx, parallel=ONE)
    batch = {"image": data, "label": np.arange(4, dtype=np.int32)}
    state, _ = step(jaxcls.create_train_state(variables, tx), batch, jax.random.key(0))
    change = jax.tree.map(lambda a, b: bool(np.any(a != b)), jax.device_get(state.params), variables["params"])
    found = {True: set(), False: set()}
    for path, is_moved in jax.tree_util.tree_leaves_with_path(change):
        found[is_moved].add(".".join(key.key for key in path))
    return found[True], found[False]


def is_norm(name):
    return any(part.startswith(("bn", "norm")) or part == "downsample" for part in name.split(".")[1:-1])


@pytest.mark.parametrize("name", ["ResNet_CIFAR", pytest.param("SwinTransformer", marks=pytest.mark.slow)])
def test_they_stay_and_all_others_move(name):
    kind = {"type": "BN"} if name.startswith("ResNet") else {"type": "LN"}
    moving, kept = moved(name, {**kind, "requires_grad": False}, {"type": "BN1d", "requires_grad": False})
    outputs = {path for path in moving | kept if path.startswith("backbone.norm1") or path.split(".")[-1] == "scale"}
    if name == "SwinTransformer":  # its norm_cfg is that of the outputs' norms
        expected = {path for path in outputs if path.startswith(("backbone.norm1.", "head."))}
        expected |= {path.replace(".scale", ".bias") for path in expected}
    else:
        expected = outputs | {path.replace(".scale", ".bias") for path in outputs}
    assert kept == expected
    assert kept


def test_a_neck_with_batch_statistics_trains():
    from flax import linen as nn

    from jaxcls.models.backbones import LeNet5
    from jaxcls.models.classifier import ImageClassifier
    from jaxcls.models.heads import LinearClsHead
    from jaxcls.models.layers import BatchNorm

    class Neck(nn.Module):
        @nn.compact
        def __call__(self, features, train=False):
            return tuple(BatchNorm(name="bn")(feature.mean((1, 2)), train) for feature in features)

    made = ImageClassifier(LeNet5(), LinearClsHead(num_classes=8), Neck())
    data = images("LeNet5", 4)
    variables = filled(made, data)
    _, updated = made.apply(variables, data, np.zeros(4, np.int32), method="forward_train", mutable=["batch_stats"])
    before, after = (v["batch_stats"]["neck"]["bn"]["mean"] for v in (variables, updated))
    assert np.all(before != after)
