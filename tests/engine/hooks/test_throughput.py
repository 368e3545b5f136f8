"""How fast a run is, in its log."""

from __future__ import annotations

import json

import pytest

from jaxcls.engine.hooks import ThroughputHook
from jaxcls.errors import UserError
from tests.engine import tiny


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


def test_a_run_by_iterations(tmp_path):
    runner = {"type": "IterBasedRunner", "max_iters": 6}
    tiny.train(tmp_path, {"type": "ThroughputHook", "peak_tflops": 0.5}, runner=runner)
    assert [line["iter"] for line in lines_of(tmp_path) if line["images_per_second"] > 0] == [3, 6]


@pytest.mark.parametrize("peak", [0, -1.0, float("nan")])
def test_a_peak_is_positive(peak):
    with pytest.raises(UserError, match=r"peak_tflops=.*: expected a positive number"):
        ThroughputHook(peak)
