from __future__ import annotations

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from jaxcls.engine.hooks import SyncBuffersHook
from jaxcls.engine.step.parallel import Parallel
from tests.engine.tiny import train


class State(SimpleNamespace):
    def replace(self, batch_stats):
        return State(batch_stats=batch_stats)


def run(parallel, values, **arguments):
    """The values of each device after the hook's stage; `values` (devices, C) are those before."""
    rows = [jax.device_put(row, device) for row, device in zip(values, parallel.devices, strict=True)]
    own = jax.make_array_from_single_device_arrays(values.shape[1:], parallel.replicated, rows)
    runner = SimpleNamespace(
        network=SimpleNamespace(parallel=parallel), state=State(batch_stats={"bn": {"mean": own}, "bn2": {"mean": own}})
    )
    hook = SyncBuffersHook(**arguments)
    for _ in range(2):
        hook.after_train_epoch(runner)
    return np.stack([shard.data for shard in runner.state.batch_stats["bn2"]["mean"].addressable_shards])


@pytest.mark.parametrize("mode", ["pmap", "shard_map"])
def test_devices_that_differ_get_the_mean(mode):
    values = np.random.default_rng(0).standard_normal((8, 5)).astype(np.float32)
    values[:, 2] = 0.1  # a mean over the devices would change the last bit of some numbers that all have
    values[:, 3] = 1 / 3
    found = run(Parallel(mode, jax.devices()[:8]), values)
    np.testing.assert_allclose(found, np.broadcast_to(values.mean(0), (8, 5)), rtol=1e-6)
    assert (found == found[0]).all()
    assert (found[:, 2:4] == values[:, 2:4]).all()


def test_nothing_to_do():
    values = np.arange(8, dtype=np.float32)[:, None]
    assert (run(Parallel(devices=jax.devices()[:8]), values, distributed=False) == values).all()
    assert run(Parallel(devices=jax.devices()[:1]), values[:1]) == [[0.0]]


seen = []


def note(runner):
    seen.append(jax.device_get(runner.state.batch_stats))


def test_a_training_is_the_same_to_the_bit(tmp_path):
    before, after = (
        {"type": "ClosureHook", "fn_name": "after_train_epoch", "fn": note, "priority": p} for p in (39, 41)
    )
    train(tmp_path / "work", before, {"type": "SyncBuffersHook"}, after, evaluation={"interval": 9})
    assert len(seen) == 4
    assert all(map(np.array_equal, *map(jax.tree.leaves, (seen[0::2], seen[1::2]))))
