from __future__ import annotations

import shutil
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxcls
from jaxcls.engine.hooks import PreciseBNHook
from jaxcls.engine.hooks.precise_bn import _forward, layers_in_training
from jaxcls.errors import UserError
from tests.engine import tiny

HOOK = {"type": "PreciseBNHook", "num_samples": 100}
NO_EVALUATION = {"evaluation": {"interval": 9}}


def batch_statistics(norm, params, images, labels):
    """Mean and unbiased variance of one batch at each layer: with a momentum of 1 the running ones are these."""
    classifier = jaxcls.build_classifier(tiny.model(norm_cfg={"type": norm, "momentum": 1.0}))
    shapes = jax.eval_shape(classifier.init, jax.random.key(0), images)["batch_stats"]
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes)
    _, updated = classifier.apply(
        {"params": params, "batch_stats": zeros}, images, labels, method="forward_train", mutable=["batch_stats"]
    )
    return updated["batch_stats"]


def expected_statistics(runner, norm, first, batches, shares):
    """The averages over batches from the `first` on, each in as many shares."""
    source, found = runner.loaders["train"].batches, []
    params = jax.device_get(runner.state.params)
    evaluate = jax.jit(lambda images, labels: batch_statistics(norm, params, images, labels))
    for number in range(first, first + batches):
        images, labels = runner.network.inputs.preprocess(source[number]["image"]), source[number]["label"]
        for rows in np.split(np.arange(32), shares):
            found.append(evaluate(images[rows], labels[rows]))
    return jax.tree.map(lambda *leaves: np.mean(leaves, axis=0), *found)


@pytest.mark.parametrize(
    ("norm", "momentum", "parallel", "shares"),
    [("BN", 0.3, "pmap", 8), ("SyncBN", 0.1, "shard_map", 1), ("BN", 0.1, "fsdp", 8)],
)
def test_the_statistics_are_means_over_batches_and_devices(tmp_path, norm, momentum, parallel, shares):
    done = tiny.train(
        tmp_path / "work",
        HOOK,
        model=tiny.model(norm_cfg={"type": norm, "momentum": momentum}),
        parallel=parallel,
        runner={"max_epochs": 1},
        **NO_EVALUATION,
    )
    assert len(done.network.parallel.devices) == 8
    jax.tree.map(
        lambda found, expected: np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6),
        done.state.batch_stats,
        expected_statistics(done, norm, first=0, batches=3, shares=shares),
    )


def equal(tree, other):
    return all(map(np.array_equal, jax.tree.leaves(tree), jax.tree.leaves(other)))


def test_training_and_continuation_do_not_notice(tmp_path):
    whole = tiny.train(tmp_path / "whole", HOOK, **NO_EVALUATION)
    shutil.rmtree(tmp_path / "whole" / "checkpoints" / "2")
    continued = tiny.train(tmp_path / "whole", HOOK, resume=True, **NO_EVALUATION)
    without = tiny.train(tmp_path / "without", **NO_EVALUATION)
    assert equal(whole.state, continued.state)
    assert equal(whole.state.params, without.state.params)
    assert not equal(whole.state.batch_stats, without.state.batch_stats)


def resnet(**backbone):
    backbone = {"type": "ResNet_CIFAR", "depth": 18, "in_channels": 1, "num_stages": 1, "out_indices": (0,), **backbone}
    return {**tiny.model(), "backbone": backbone}


def runner_of(model):
    """A runner that has not begun."""
    classifier = jaxcls.build_classifier(model)
    shapes = jax.eval_shape(classifier.init, jax.random.key(0), jnp.zeros((1, 8, 8, 1)))
    labels = SimpleNamespace(batches=SimpleNamespace(dataset=SimpleNamespace(labels=np.zeros(9, np.int32))))
    return SimpleNamespace(
        by_epoch=True,
        max_epochs=9,
        batch_size=32,
        iters_per_epoch=8,
        network=SimpleNamespace(classifier=classifier, image_shape=(8, 8, 1)),
        state=SimpleNamespace(params=shapes["params"], batch_stats=shapes.get("batch_stats", {})),
        loaders={"train": labels},
        logger=SimpleNamespace(warning=lambda message: (_ for _ in ()).throw(UserWarning(message))),
    )


def test_layers_in_evaluation_mode_are_left_out():
    layers = layers_in_training(runner_of(resnet(norm_cfg={"type": "BN", "momentum": 0.3})))
    assert len(layers) == 5
    assert set(layers.values()) == {0.3}
    assert layers.keys() - layers_in_training(runner_of(resnet(frozen_stages=0))).keys() == {("backbone", "bn1")}


@pytest.mark.parametrize("model", [resnet(norm_cfg={"type": "GN", "num_groups": 4}), resnet(norm_eval=True)])
def test_networks_without_batchnorm(model):
    hook, runner = PreciseBNHook(), runner_of(model)
    with pytest.raises(UserWarning, match="PreciseBNHook does nothing: the network has no BatchNorm in training mode"):
        hook.before_run(runner)
    hook.after_train_epoch(runner)


def test_messages():
    with pytest.raises(UserError, match="PreciseBNHook works with EpochBasedRunner, not with SimpleNamespace"):
        PreciseBNHook().check(SimpleNamespace(by_epoch=False))
    with pytest.raises(UserError, match="num_samples=0, interval=1; allowed: 1 or more"):
        PreciseBNHook(num_samples=0)


def test_a_head_that_needs_a_teacher_has_statistics_too():
    head = {"type": "LeViTClsHead", "num_classes": 10, "in_channels": 16}
    classifier = jaxcls.build_classifier({**tiny.model(), "head": head})
    images, labels = jnp.zeros((2, 8, 8, 1)), jnp.zeros(2, jnp.int32)
    variables = jax.eval_shape(classifier.init, jax.random.key(0), images)
    found = jax.eval_shape(partial(_forward, classifier), variables, images, labels, jax.random.key(0))
    assert found.keys() == {"backbone", "head"}
