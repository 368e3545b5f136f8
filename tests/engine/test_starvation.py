"""Whether reading holds the devices back."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace

import pytest

import jaxcls
from jaxcls.engine.hooks import IterTimerHook
from jaxcls.engine.starvation import Starvation
from tests.engine import tiny


class Slow:
    """A transform that takes ten milliseconds an image."""

    def __call__(self, sample, rng):
        time.sleep(0.01)
        return sample


def minutes(waited, done, seconds=0.1, count=2400):
    """The messages of four minutes; `done` of ten iterations found the devices without work."""
    starvation, said = Starvation(), []
    for i in range(count):
        starvation.add(waited, i % 10 < done)
        said.append(starvation.after(seconds))
    return [message for message in said if message]


def test_reading_that_holds_the_devices_back_is_said_once():
    (message,) = minutes(waited=0.06, done=9)
    assert "in 90 % of the iterations they were done before the next batch was there" in message
    assert "60.0 of 100.0 ms an iteration went by waiting" in message


@pytest.mark.parametrize(("waited", "done"), [(0.001, 10), (0.06, 5), (0.0, 0)])
def test_reading_that_does_not_is_not_spoken_of(waited, done):
    assert minutes(waited, done) == []


def test_only_training_is_looked_at_from_its_second_iteration_on():
    hook, waits, now = IterTimerHook(), [], itertools.count()
    runner = SimpleNamespace(
        clock=SimpleNamespace(now=lambda: float(next(now))),
        log_buffer=SimpleNamespace(update=lambda values: None),
        outputs={},
        log_is_due=False,
    )
    hook.before_run(runner)
    hook.starvation = SimpleNamespace(add=lambda waited, done: waits.append(waited), after=lambda seconds: None)
    for runner.mode, expected in (("train", 0), ("train", 1), ("val", 1), ("train", 2)):
        hook.before_iter(runner)
        hook.after_iter(runner)
        assert len(waits) == expected


def test_a_slow_source_is_noticed_in_a_run(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("jaxcls.engine.starvation._LOOK", 0.5)
    config = tiny.config(runner={"max_epochs": 2})
    config["data"]["train"]["pipeline"] = [
        {"type": "tests.engine.test_starvation:Slow"},
        *config["data"]["train"]["pipeline"],
    ]
    config["data"]["num_workers"] = 0
    jaxcls.train_model(config, tmp_path)
    assert sum("reading holds the devices back" in record.getMessage() for record in caplog.records) == 1
