"""One device and eight, pmap, shard_map and FSDP: the same numbers."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxcls
from jaxcls.engine.step.inputs import Inputs
from jaxcls.engine.step.parallel import MODES, Parallel, build_parallel
from jaxcls.engine.step.train_step import make_eval_step, make_train_step
from jaxcls.errors import UserError

CONFIG = {
    "type": "ImageClassifier",
    "backbone": {
        "type": "ResNet_CIFAR",
        "depth": 18,
        "stem_channels": 16,
        "base_channels": 32,
        "num_stages": 1,
        "out_indices": (0,),
        "norm_cfg": {"type": "SyncBN"},
    },
    "neck": {"type": "GlobalAveragePooling"},
    "head": {"type": "LinearClsHead", "num_classes": 10, "in_channels": 32},
}
STEPS, N = 10, 32


@pytest.fixture(scope="module")
def setting():
    classifier = jaxcls.build_classifier(CONFIG)
    variables = jax.jit(classifier.init)(jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))
    rng = np.random.default_rng(0)
    batches = [
        {
            "image": rng.standard_normal((N, 8, 8, 3)).astype(np.float32),
            "label": rng.integers(0, 10, N).astype(np.int32),
        }
        for _ in range(STEPS)
    ]
    return classifier, variables, batches


def run(setting, parallel):
    """Losses of ten steps, the first step's momentum, which is its gradients with the decay, and the last state."""
    classifier, variables, batches = setting
    tx = jaxcls.build_optimizer({"type": "SGD", "lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4}, variables["params"])
    step = make_train_step(classifier, tx, parallel=parallel)
    state, losses, first = jaxcls.create_train_state(variables, tx), [], None
    for batch in batches:
        state, log_vars = step(state, batch, jax.random.key(0))
        losses.append(float(log_vars["loss"]))
        if first is None:  # a copy: the next step takes the state's memory
            first = jax.tree.map(np.array, optax.tree.get(state.opt_state, "trace"))
    return losses, first, state


@pytest.fixture(scope="module")
def reference(setting):
    return run(setting, Parallel(devices=jax.devices()[:1]))


@pytest.fixture(scope="module")
def on_eight(setting):
    """What `run` gives in a mode."""
    return functools.cache(lambda mode: run(setting, Parallel(mode, jax.devices()[:8])))


@pytest.mark.parametrize("mode", MODES)
def test_eight_devices_give_what_one_gives(reference, on_eight, mode):
    losses, first, state = on_eight(mode)
    np.testing.assert_allclose(losses, reference[0], rtol=1e-4)
    scale = max(np.abs(leaf).max() for leaf in jax.tree.leaves(reference[1]))
    for own, expected in zip(jax.tree.leaves(first), jax.tree.leaves(reference[1]), strict=True):
        assert np.abs(own - expected).max() <= 1e-5 * scale
    for own, expected in zip(
        jax.tree.leaves(state.batch_stats), jax.tree.leaves(reference[2].batch_stats), strict=True
    ):
        np.testing.assert_allclose(own, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shards", [8, 4, 1])
def test_fsdp_shards_parameters_and_momentum(setting, reference, on_eight, shards):
    """Of fewer shards than devices each group has a copy."""
    several = on_eight("fsdp") if shards == 8 else run(setting, Parallel("fsdp", jax.devices()[:8], shards))
    losses, _, state = several
    np.testing.assert_allclose(losses, reference[0], rtol=1e-4)
    for tree in (state.params, optax.tree.get(state.opt_state, "trace")):
        kernel = tree["backbone"]["layer1.1"]["conv2"]["kernel"]
        assert kernel.addressable_shards[0].data.size * shards == kernel.size
        assert len({str(shard.index) for shard in kernel.addressable_shards}) == shards
        assert tree["head"]["fc"]["bias"].sharding.is_fully_replicated


def test_a_run_of_more_shards_is_taken_by_fewer_devices():
    """As it is evaluated on one device, or goes on with half of them."""
    for devices in (1, 2):
        parallel = Parallel("fsdp", jax.devices()[:devices], 8)
        placed = parallel.place_state({"a": np.zeros((8, 1024), np.float32)})["a"]
        assert placed.addressable_shards[0].data.size * devices == placed.size


def mixed(key, images, labels):
    """Each image with one of the same device."""
    weight = jax.random.uniform(key)
    labels = jax.nn.one_hot(labels, 10)
    return tuple(weight * values + (1 - weight) * values[::-1] for values in (images, labels))


def test_norms_and_random_numbers_of_each_device_are_its_own_in_every_mode():
    """BatchNorm of a device's own four images, its own Mixup, its own dropped paths: the same numbers by any mode."""
    backbone = {**CONFIG["backbone"], "norm_cfg": {"type": "BN"}, "drop_path_rate": 0.5}
    classifier = jaxcls.build_classifier({**CONFIG, "backbone": backbone})
    variables = jax.jit(classifier.init)(jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))
    tx = optax.sgd(10.0)
    rng = np.random.default_rng(0)
    batch = {"image": rng.standard_normal((N, 8, 8, 3), np.float32), "label": np.arange(N, dtype=np.int32) % 10}

    def stepped(*parallel):
        step = make_train_step(classifier, tx, parallel=Parallel(*parallel), inputs=Inputs(mix_batch=mixed))
        state, log_vars = step(jaxcls.create_train_state(variables, tx), batch, jax.random.key(1))
        return jax.device_get((state.params, state.batch_stats, log_vars["loss"]))

    devices = jax.devices()
    expected, alone = stepped("pmap", devices[:8]), stepped("pmap", devices[:1])
    differences = jax.tree.map(lambda a, b: np.abs(a - b).max(), expected[0], alone[0])
    assert max(jax.tree.leaves(differences)) > 1e-2  # it matters
    for parallel in [("shard_map", devices[:8]), ("fsdp", devices[:8]), ("fsdp", devices[:8], 2)]:
        jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4), stepped(*parallel), expected)


@pytest.mark.parametrize("mode", MODES)
def test_evaluation_is_exact_with_padding(setting, mode):
    classifier, variables, batches = setting
    mask = (np.arange(N) < 21).astype(np.float32)
    batch = {**batches[0], "mask": mask}
    parallel = Parallel(mode, jax.devices()[:8])
    scores, log_vars = make_eval_step(classifier, parallel=parallel)(variables, batch)
    logits = jax.jit(classifier.apply)(variables, batch["image"])
    np.testing.assert_allclose(parallel.local_rows(scores), jax.nn.softmax(logits), rtol=1e-4, atol=1e-6)
    losses = -jax.nn.log_softmax(logits)[jnp.arange(N), batch["label"]]
    np.testing.assert_allclose(log_vars["loss"], np.mean(losses[:21]), rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_on_the_devices_already_stays_there(mode):
    all_of_them, half = Parallel(mode, jax.devices()[:8]), Parallel(mode, jax.devices()[:4])
    placed = all_of_them.place_state({"a": np.zeros((8, 1024), np.float32)})
    assert all_of_them.place_state(placed) is placed
    moved = half.place_state(placed)
    assert moved is not placed
    assert len(moved["a"].sharding.device_set) == 4


def test_messages():
    with pytest.raises(UserError, match="parallel: 'pmab'; did you mean 'pmap'"):
        Parallel("pmab")
    with pytest.raises(UserError, match=r"parallel\.shards: 3 does not divide 8 devices"):
        build_parallel({"mode": "fsdp", "shards": 3})
    with pytest.raises(UserError, match=r"parallel\.shards: -2 does not divide 8 devices"):
        Parallel("fsdp", jax.devices()[:8], -2)
    with pytest.raises(UserError, match=r"parallel\.shards: 2; only with mode='fsdp'"):
        build_parallel({"mode": "shard_map", "shards": 2})
    with pytest.raises(UserError, match="parallel has no key 'shard'; did you mean 'shards'"):
        build_parallel({"mode": "fsdp", "shard": 2})
    with pytest.raises(UserError, match=r"data\.batch_size: 12 does not split over 8 devices; give a multiple of 8"):
        Parallel(devices=jax.devices()[:8]).check_batch_size(12)
    with pytest.raises(UserError, match="batch: 12 does not split over 8 devices"):
        Parallel(devices=jax.devices()[:8]).place_batch({"label": np.zeros(12)})
