"""How fast a run is, and whether reading holds it back."""

from __future__ import annotations

import json
import time

import pytest

import jaxcls
from jaxcls.engine.hooks import ThroughputHook
from jaxcls.engine.starvation import Starvation
from jaxcls.errors import UserError
from tests.engine import tiny


class Slow:
    """A transform that takes ten milliseconds an image."""

    def __call__(self, sample, rng):
        time.sleep(0.01)
        return sample


def lines_of(workdir):
    (path,) = workdir.glob("*.log.json")
    return [line for line in map(json.loads, path.read_text().splitlines()) if line.get("mode") == "train"]


def test_each_line_says_how_fast_its_iterations_were(tmp_path):
    tiny.train(tmp_path, {"type": "ThroughputHook", "peak_tflops": 2.0})
    lines = lines_of(tmp_path)
    assert len(lines) == 4  # every third of eight iterations, two epochs
    each = 64 * (9 * 16) + 16 * 10  # multiply-adds of the convolution of 8 x 8 pixels, and of the head
    for line in lines:
        assert line["images_per_second"] == pytest.approx(32 / line["time"], rel=0.1)
        assert line["tflops"] == pytest.approx(6 * each * line["images_per_second"] / 1e12, abs=1e-5)
        assert line["utilisation"] == pytest.approx(line["tflops"] / 2, abs=1e-5)
        assert 50 < line["host_memory"] < 100_000


def test_no_share_of_what_is_not_given(tmp_path):
    tiny.train(tmp_path, {"type": "ThroughputHook"})
    assert all("utilisation" not in line for line in lines_of(tmp_path))


@pytest.mark.parametrize("peak", [0, -1.0, float("nan")])
def test_a_peak_is_positive(peak):
    with pytest.raises(UserError, match=r"peak_tflops=.*: expected a positive number"):
        ThroughputHook(peak)


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


def test_a_slow_source_is_noticed_in_a_run(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("jaxcls.engine.starvation._LOOK", 0.5)
    config = tiny.config(runner={"max_epochs": 2})
    config["data"]["train"]["pipeline"] = [
        {"type": "tests.engine.hooks.test_throughput:Slow"},
        *config["data"]["train"]["pipeline"],
    ]
    config["data"]["num_workers"] = 0
    jaxcls.train_model(config, tmp_path)
    assert sum("reading holds the devices back" in record.getMessage() for record in caplog.records) == 1
