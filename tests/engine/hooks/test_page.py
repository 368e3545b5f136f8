"""The example of docs/hooks.md, as it stands there."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import jax
import pytest

from jaxcls.engine.hooks import ReportHook
from jaxcls.errors import UserError
from tests.engine import tiny

PAGE = Path(__file__).resolve().parents[3] / "docs" / "hooks.md"


def test_a_report_is_of_one_process(monkeypatch):
    runner = SimpleNamespace(work_dir="work_dirs/a")
    ReportHook().check(runner)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(UserError, match=r"several processes writes no report; .*jaxcls\.tools\.report work_dirs/a"):
        ReportHook().check(runner)


@pytest.fixture
def mine(monkeypatch):
    """The example as the module `mine`."""
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[-1]
    module = ModuleType("mine")
    monkeypatch.setitem(sys.modules, "mine", module)
    exec(code, vars(module))
    return module


def test_the_example_works(tmp_path, mine):
    hooks = {"type": "mine:StopAtNight", "hour": 0}, {"type": "mine:WeightNorm"}
    runner = tiny.train(tmp_path, *hooks, loggers=({"type": "mine:CsvLogger"},))
    assert runner.epoch == 1
    lines = [json.loads(line) for line in next(tmp_path.glob("*.log.json")).read_text().splitlines()]
    (line,) = [line for line in lines if "weight_norm" in line]
    assert (line["mode"], line["weight_norm"]) == ("val", line["most_weight_norm"])
    assert "accuracy_top-1" in line
    assert tiny.hook_of(runner, mine.WeightNorm).state()["most"] == pytest.approx(line["weight_norm"], abs=1e-5)
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.reader(file))
    assert [(mode, step) for mode, step, name, _ in rows if name == "loss"] == [
        ("train", "3"),
        ("train", "6"),
        ("val", "9"),
    ]
    assert ["val", "9", "weight_norm"] in [row[:3] for row in rows]
