from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxcls
from jaxcls.engine.step.options import StepOptions
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.precision import Precision, build_precision
from jaxcls.engine.step.train_step import make_eval_step, make_train_step
from jaxcls.errors import UserError
from tests.engine.step.test_train_step import ONE, batches, small


def tiny():
    """A network of one stage, each of whose parameters has a gradient."""
    return small(zero_init_residual=False)


def run(precision, steps=3, parallel=ONE, batch=None):
    classifier, variables = tiny()
    options, tx = StepOptions(build_precision(precision)), optax.sgd(0.05, momentum=0.9)
    step = make_train_step(classifier, tx, parallel=parallel, options=options)
    state = jaxcls.create_train_state(variables, tx, options)
    losses = []
    for own, _ in zip(batches(), range(steps), strict=False):
        state, log_vars = step(state, batch or own, jax.random.key(0))
        losses.append(float(log_vars["loss"]))
    return variables, state, losses


@pytest.fixture(scope="module")
def float32_run():
    return run("float32")


@pytest.mark.parametrize("precision", ["bfloat16", pytest.param("float16", marks=pytest.mark.slow)])
def test_half_precision_follows_float32(precision, float32_run):
    variables, state, losses = run(precision)
    expected_state, expected = float32_run[1:]
    np.testing.assert_allclose(losses, expected, rtol=0.03)
    assert losses != expected
    assert {leaf.dtype for leaf in jax.tree.leaves((state.params, state.batch_stats))} == {jnp.dtype("float32")}
    moved = jax.tree.map(lambda a, b: not np.array_equal(a, b), variables["params"], state.params)
    assert jax.tree.all(moved)
    change, expected_change = (
        jax.flatten_util.ravel_pytree(jax.tree.map(jnp.subtract, s.params, variables["params"]))[0]
        for s in (state, expected_state)
    )
    cosine = jnp.vdot(change, expected_change) / jnp.linalg.norm(change) / jnp.linalg.norm(expected_change)
    assert cosine > 0.95


def test_norms_keep_their_parameters_in_float32():
    _, variables = tiny()
    cast = Precision("bfloat16").cast(variables)
    assert cast["params"]["backbone"]["bn1"]["scale"].dtype == jnp.float32
    assert cast["params"]["backbone"]["conv1"]["kernel"].dtype == jnp.bfloat16
    assert cast["batch_stats"]["backbone"]["bn1"]["mean"].dtype == jnp.float32


def test_evaluation_in_half_precision_gives_float32_scores():
    classifier, variables = tiny()
    batch = {**next(batches()), "mask": np.ones(16, np.float32)}
    full, half = (
        make_eval_step(classifier, parallel=ONE, precision=Precision(kind))(variables, batch)
        for kind in ("float32", "bfloat16")
    )
    assert half[0].dtype == jnp.float32
    np.testing.assert_allclose(half[0], full[0], atol=0.03)
    assert not np.array_equal(half[0], full[0])


TWO = jax.devices()[:2]


@pytest.mark.parametrize(
    ("precision", "parallel"),
    [("float32", Parallel(devices=TWO)), ("float16", Parallel(devices=TWO)), ("float16", Parallel("fsdp", TWO))],
)
def test_an_iteration_without_finite_gradients_changes_nothing_and_is_counted(precision, parallel):
    poison = next(batches())
    poison["image"] = poison["image"].astype(np.float32)
    poison["image"][0, 0, 0, 0] = np.inf
    variables, state, _ = run(precision, steps=2, batch=poison, parallel=parallel)
    assert (int(state.step), int(state.skipped_updates)) == (2, 2)
    assert int(state.skipped_in_a_row) == (0 if precision == "float16" else 2)  # float16 searches for its scale
    assert jax.tree.all(jax.tree.map(np.array_equal, state.params, variables["params"]))
    assert jax.tree.all(jax.tree.map(np.array_equal, state.batch_stats, variables["batch_stats"]))
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(state.opt_state))
    if precision == "float16":
        assert float(state.loss_scale.scale) == 65536 / 4


def test_the_loss_scale_grows_halves_and_can_stand_still():
    def finite(params):
        return jnp.sum(jnp.square(params)), None

    def overflowing(params):
        return jnp.sum(params.astype(jnp.float16) * jnp.float16(6e4)).astype(jnp.float32) * 1e38, None

    def scales(config, *functions):
        scale, found = Precision("float16", config).init_loss_scale(), []
        for function in functions:
            grads, _, is_finite, scale = Precision("float16", config).gradient(function, jnp.ones(3), scale)
            found.append(float(scale.scale))
            assert is_finite == (function is finite)
            if is_finite:
                np.testing.assert_allclose(grads, 2.0)
        return found

    growing = {"init_scale": 8.0, "growth_interval": 1}
    assert scales(growing, finite, finite, overflowing, finite) == [8.0, 16.0, 8.0, 8.0]
    assert scales(512.0, finite, overflowing, finite) == [512.0] * 3


@pytest.mark.parametrize(
    ("config", "searching"),
    [(65536.0, False), ("dynamic", True), ({"init_scale": 1.0}, False), ({"backoff_factor": 1.0}, False)],
)
def test_the_search_for_a_scale_ends_at_one_or_where_it_cannot_fall(config, searching):
    precision = Precision("float16", config)
    assert bool(precision.is_searching(precision.init_loss_scale())) == searching
    assert not Precision.is_searching(None)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("bf16", "precision: Precision: type='bf16'; did you mean 'bfloat16'"),
        ({"type": "float16", "scale": 1}, "precision: Precision has no argument 'scale'"),
        ({"type": "float16", "loss_scale": "static"}, "precision: Precision: loss_scale='static': expected 'dynamic'"),
        ({"type": "float16", "loss_scale": 0}, "precision: Precision: loss_scale=0"),
        ({"type": "float16", "loss_scale": {"grow": 2}}, "precision: Precision: loss_scale has no key 'grow'"),
    ],
)
def test_messages(config, message):
    with pytest.raises(UserError, match=message):
        build_precision(config)
