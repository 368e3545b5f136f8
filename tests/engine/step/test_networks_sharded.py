"""ResNet-18 and ViT-Ti on eight devices, in each mode: the losses of one device; FSDP's share of the memory."""

from __future__ import annotations

import functools

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls import zoo
from jaxcls.engine.step.parallel import MODES, Parallel
from jaxcls.engine.step.train_step import make_train_step

pytestmark = pytest.mark.slow
SIZE, N, STEPS = 32, 16, 10
NETWORKS = {
    "resnet18": ({"norm_cfg": {"type": "SyncBN"}}, {"type": "SGD", "lr": 0.02, "momentum": 0.9}),
    "deit_tiny": ({}, {"type": "AdamW", "lr": 1e-4, "weight_decay": 0.05}),
}


def train(name, parallel):
    """Losses of ten steps on other images each, and the last state."""
    backbone, optimizer = NETWORKS[name]
    classifier = jaxcls.build_classifier(zoo.model_config(name, num_classes=10, image_size=SIZE, backbone=backbone))
    variables = jax.jit(classifier.init)(jax.random.key(0), np.zeros((1, SIZE, SIZE, 3), np.float32))
    tx = jaxcls.build_optimizer(optimizer, variables["params"])
    step = make_train_step(classifier, tx, parallel=parallel)
    state, losses = jaxcls.create_train_state(variables, tx), []
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        images = rng.standard_normal((N, SIZE, SIZE, 3)).astype(np.float32)
        batch = {"image": images, "label": rng.integers(0, 10, N).astype(np.int32)}
        state, log_vars = step(state, batch, jax.random.key(0))
        losses.append(float(log_vars["loss"]))
    return losses, state


@functools.cache
def on_one(name):
    return train(name, Parallel(devices=jax.devices()[:1]))[0]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NETWORKS)
def test_eight_devices_give_the_losses_of_one(name, mode):
    losses, state = train(name, Parallel(mode, jax.devices()[:8]))
    np.testing.assert_allclose(losses, on_one(name), rtol=1e-4)
    leaves = jax.tree.leaves(state)
    whole, own = sum(x.nbytes for x in leaves), sum(x.addressable_shards[0].data.nbytes for x in leaves)
    assert own <= whole / 6 if mode == "fsdp" else own == whole
