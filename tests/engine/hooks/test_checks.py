"""The hooks that stop a training that goes wrong, and the one that calls a function."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

from jaxcls.engine.hooks import CheckInvalidLossHook, ClosureHook
from jaxcls.errors import UserError
from tests.engine import tiny


def test_a_loss_that_is_no_number_stops_the_training(tmp_path):
    optimizer = {"type": "SGD", "lr": 1e30}
    with pytest.raises(UserError, match=r"epoch 1, iteration [2-4] of the run: loss is (nan|inf)"):
        tiny.train(tmp_path / "work", {"type": "CheckInvalidLossHook", "interval": 4}, optimizer=optimizer)
    assert not list((tmp_path / "work").glob("checkpoints/*"))


def feed(hook, values):
    """Calls the hook with a loss and a gradient norm of each iteration."""
    for iteration, (loss, norm) in enumerate(values):
        outputs = {"loss": jnp.float32(loss), "grad_norm": jnp.float32(norm)}
        hook.after_train_iter(SimpleNamespace(epoch=iteration // 3, iter=iteration, outputs=outputs))


def test_all_invalid_values_are_named_and_since_when(monkeypatch):
    reads, read = [], jax.device_get
    monkeypatch.setattr(jax, "device_get", lambda tree: reads.append(len(tree)) or read(tree))
    overflow = (1.0, float("inf"))  # of a gradient alone: the step goes on without it
    feed(CheckInvalidLossHook(interval=4), [(1.0, 1.0), overflow] * 5)
    assert reads == [4, 4]
    with pytest.raises(UserError, match=r"epoch 2, iteration 6 of the run: grad_norm is inf, loss is nan; lower"):
        feed(CheckInvalidLossHook(interval=4), [(1.0, 1.0)] * 5 + [(float("nan"), float("inf"))] * 3)
    with pytest.raises(UserError, match="interval=0"):
        CheckInvalidLossHook(0)


def test_the_heads_classes_are_the_datas(tmp_path):
    model = {**tiny.model(), "head": {"type": "LinearClsHead", "num_classes": 11}}
    message = r"data\.train has 10 classes \(0, 1, 2, …\), but the head has 11; set its num_classes to 10"
    with pytest.raises(UserError, match=message):
        tiny.train(tmp_path / "work", model=model)
    assert not (tmp_path / "work").exists()


calls = []


def note(runner):
    calls.append(runner)


def test_a_function_as_a_hook():
    hook = ClosureHook("after_iter", note)
    hook.after_train_iter("a")
    hook.after_val_iter("b")
    hook.after_train_epoch("c")
    assert calls == ["a", "b"]
    assert hook.stages() == ["after_train_iter", "after_val_iter"]
    ClosureHook("before_run", "tests.engine.hooks.test_checks:note").before_run("d")
    with pytest.raises(UserError, match="fn_name: 'after_trainiter'; did you mean 'after_train_iter'"):
        ClosureHook("after_trainiter", note)
    with pytest.raises(UserError, match=r"fn: 'no_such\.module:f': cannot import 'no_such\.module'"):
        ClosureHook("before_run", "no_such.module:f")


def test_a_function_is_called_at_its_stage_of_a_training(tmp_path):
    calls.clear()
    train_hook = {"type": "ClosureHook", "fn_name": "after_train_epoch", "fn": f"{__name__}:note"}
    runner = tiny.train(tmp_path, train_hook)
    assert calls == [runner] * 2
