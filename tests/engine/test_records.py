from __future__ import annotations

import json

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.engine import records
from jaxcls.engine.records import LogBuffer, Window, fetched


def test_a_window_averages_by_samples_and_keeps_the_order():
    window = Window()
    for value, count in ((1.0, 1), (2.0, 1), (5.0, 3)):
        window.add({"time": value}, 1)
        window.add({"loss": jnp.float32(value), "a": 2 * value}, count)
    window.note({"own": 1, "time": 3})
    window.note({"own": 2})
    taken = window.take()
    assert taken == {"time": 3, "loss": 18.0 / 5, "a": 36.0 / 5, "own": 2}
    assert list(taken) == ["time", "loss", "a", "own"]
    assert window.take() == {}


def test_what_is_cleared_is_not_averaged_but_what_was_noted_stays():
    window = Window()
    window.add({"loss": 1.0}, 1)
    window.note({"own": 1})
    window.clear()
    assert window.take() == {"own": 1}


def test_a_window_of_any_length_takes_little_memory_and_gives_the_same_mean(monkeypatch):
    monkeypatch.setattr(records, "_MOST_ROWS", 10)
    values, window = np.random.default_rng(0).random(99), Window()
    for i, value in enumerate(values):
        window.add({"loss": value, **({"odd": value} if i % 2 else {})}, i % 3 + 1)
        assert len(window.state()["rows"]) <= 10
    weights = np.arange(99) % 3 + 1
    expected = {"loss": np.average(values, weights=weights), "odd": np.average(values[1::2], weights=weights[1::2])}
    assert window.take() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("at", [3, 25])
def test_a_window_goes_on_from_its_state_to_the_bit(monkeypatch, at):
    monkeypatch.setattr(records, "_MOST_ROWS", 10)
    whole, other = Window(), Window()
    for i, value in enumerate(np.random.default_rng(1).random(40).astype(np.float32)):
        if i == at:
            other.note({"own": 1})
            whole.note({"own": 1})
            state, other = fetched(other.state()), Window()
            other.restore(json.loads(json.dumps(state)))
        for window in (whole, other):
            window.add({"loss": jnp.asarray(value)}, 2)
    assert whole.take() == other.take()


def test_each_logger_has_its_own_windows_by_mode():
    buffer, first, second = LogBuffer(), *({"train": Window(), "val": Window()} for _ in range(2))
    buffer.windows += [first, second]
    buffer.update({"loss": 1.0})
    assert first["train"].take() == {"loss": 1.0}
    buffer.mode = "val"
    buffer.update({"loss": 5.0})
    buffer.output["own"] = jnp.ones(())
    buffer.note()
    assert (buffer.output, first["train"].take()) == ({}, {})
    assert second["train"].take() == {"loss": 1.0}
    assert first["val"].take() == second["val"].take() == {"loss": 5.0, "own": 1.0}


def test_fetched_keeps_what_it_does_not_know():
    tree = {"b": jnp.ones(()), "a": [np.float32(2), ("x", None)], "c": jnp.ones(2)}
    found = fetched(tree)
    assert list(found) == ["b", "a", "c"]
    assert (found["b"], found["a"]) == (1.0, [2.0, ["x", None]])
    assert isinstance(found["b"], float)
    assert isinstance(found["c"], np.ndarray)
