"""A training step of every backbone in bfloat16, on one device and with its parameters sharded over several (FSDP)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

import jaxcls
from jaxcls.engine import compilation
from jaxcls.engine.step import parallel as parallel_module
from jaxcls.engine.step.options import StepOptions
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.precision import Precision
from jaxcls.engine.step.train_step import make_train_step
from jaxcls.models import backbones
from jaxcls.models.layers import BatchNorm
from tests.models.families import FAMILIES, classifier, images
from tests.models.filled import filled

EIGHT = len(jax.devices())
ONE = Parallel(devices=jax.devices()[:1])
WITHOUT_NORM_EVAL = ("Conformer", "InceptionV3")  # float32 with rounded weights and images: cosines of 0.86 and 0.05
SHARDED = ("ResNet", "VisionTransformer")  # two that differ as much as can be


@pytest.fixture(autouse=True)
def forget():
    """A process has room for about sixty of these programs (`jaxcls.engine.compilation.forget`)."""
    yield
    compilation.forget()


def batch(name):
    return {"image": images(name, EIGHT), "label": np.arange(EIGHT, dtype=np.int32) % 8}


def stable(name, monkeypatch):
    """Statistics of few images make some networks chaotic; the running ones do not."""
    if name in WITHOUT_NORM_EVAL:
        monkeypatch.setattr(BatchNorm, "__call__", lambda self, x, _=False, of=BatchNorm.__call__: of(self, x, False))
    takes = "norm_eval" in getattr(backbones, name).__dataclass_fields__
    return {"norm_eval": True} if takes and not FAMILIES[name].exact else {}


CASES = [(name, Parallel("fsdp")) for name in SHARDED] + [
    pytest.param(name, ONE, marks=pytest.mark.slow) for name in FAMILIES
]


@pytest.mark.parametrize(("name", "parallel"), CASES)
def test_a_training_step(name, parallel, monkeypatch):
    monkeypatch.setattr(parallel_module, "MIN_SHARDED_SIZE", 1)
    made, data, tx = classifier(name, **stable(name, monkeypatch)), batch(name), optax.sgd(0.1)
    variables = filled(made, data["image"])

    def run(precision, parallel):
        """The loss, and how far each parameter moved."""
        step = make_train_step(made, tx, parallel=parallel, options=StepOptions(Precision(precision)))
        state, log_vars = step(jaxcls.create_train_state(variables, tx), data, jax.random.key(0))
        whole = [leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(state.params)]
        assert all(whole) == (parallel.mode != "fsdp")
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((state.params, state.batch_stats)))
        return float(log_vars["loss"]), jax.tree.map(np.subtract, jax.device_get(state.params), variables["params"])

    (loss, moves), (expected_loss, expected) = (
        run("bfloat16", parallel),
        run("float32", Parallel(devices=parallel.devices)),
    )
    still = {tuple(key.key for key in path) for path, move in jax.tree.leaves_with_path(moves) if not np.any(move)}
    assert not [p for p in still if not made.is_frozen(p) and not ".".join(p).endswith(FAMILIES[name].unused)]
    assert loss == pytest.approx(expected_loss, rel=0.03)
    assert loss != expected_loss
    (found, _), (wanted, _) = ravel_pytree(moves), ravel_pytree(expected)
    assert np.all(np.isfinite(found))
    # Rounding moves small activations over their kinks, which turns the gradient to any side, but leaves its length
    # along the true one; a mistake changes that.
    assert jnp.vdot(found, wanted) / jnp.vdot(wanted, wanted) == pytest.approx(1, abs=FAMILIES[name].rounding)
    assert jnp.vdot(found, wanted) / jnp.linalg.norm(found) / jnp.linalg.norm(wanted) > FAMILIES[name].cosine


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_in_parts_take_the_same_step_as_whole_ones(name, monkeypatch):
    """Two devices, with what each draws at random."""
    monkeypatch.setattr(parallel_module, "MIN_SHARDED_SIZE", 256)
    made, data, tx = classifier(name, **stable(name, monkeypatch)), batch(name), optax.sgd(0.1)
    variables = filled(made, data["image"])

    def run(parallel):
        step = make_train_step(made, tx, parallel=parallel)
        state, log_vars = step(jaxcls.create_train_state(variables, tx), data, jax.random.key(0))
        whole = [leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(state.params)]
        assert all(whole) == (parallel.mode != "fsdp")
        return float(log_vars["loss"]), ravel_pytree(jax.tree.map(np.subtract, state.params, variables["params"]))[0]

    two = jax.devices()[:2]
    (loss, moves), (expected_loss, expected) = run(Parallel("fsdp", two)), run(Parallel("pmap", two))
    assert loss == pytest.approx(expected_loss, rel=1e-4)
    assert jnp.vdot(moves, expected) / jnp.linalg.norm(moves) / jnp.linalg.norm(expected) > 0.9999
