"""Benchmarks with small sizes, that for GPUs on a CPU: python -m pytest -m slow tests/test_benchmarks.py"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent


def rows(*flags, name="gpu"):
    """The table's cells, without its head."""
    small = ("--batch=2", "--size=32", "--steps=1", "--rounds=1") if name == "gpu" else ("--rounds=1",)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, *small, *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=550,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_columns_stand_beside_each_other():
    found = rows("--networks=ResNet-50", "--kinds=training", "--columns=jaxcls,Flax example")
    assert [row[:3] for row in found] == [["ResNet-50", "training", name] for name in ("jaxcls", "Flax example")]
    for *_, rate, milliseconds, share, _, compiled in found:
        assert float(rate) == pytest.approx(2000 / float(milliseconds), abs=0.51)
        assert 0 < float(share) < 1
        assert re.fullmatch(r"\d+ s", compiled)


def test_inference_and_a_profile(tmp_path):
    ((network, kind, column, *_),) = rows(
        "--networks=ViT-S/16", "--kinds=inference", "--columns=jaxcls", f"--profile={tmp_path}"
    )
    assert (network, kind, column) == ("ViT-S/16", "inference", "jaxcls")
    assert "ms a step on the device" in (tmp_path / "ViT-S-16-inference.txt").read_text()


def test_networks_beside_each_other():
    ((network, batch, plain, ours, *others),) = rows("--models=LeNet-5", "--columns=plain,jaxcls", name="models")
    assert (network, batch, others) == ("LeNet-5", "128 x 32 x 32", [""] * 4)
    for cell in (plain, ours):
        median, least = map(float, re.fullmatch(r"([\d.]+) \(([\d.]+)\)", cell).groups())
        assert median == least > 0


def test_an_epoch_against_the_bare_step():
    found = rows("--network=LeNet-5", "--steps=3", name="training")
    assert [row[0] for row in found] == ["bare step", "epoch of train.py"]
    assert all(float(rate) > 0 for _, rate, _ in found)


def test_results_are_put_together(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    results = importlib.import_module("results")
    made = {
        "models": "\n".join(
            ["| head |", "|---|", "| A | 8 x 8 x 8 | | 50.0 (49.0) | 40.0 (39.0) | 30.0 (29.0) | 90.0 (89.0) | |"]
        ),
        "compiling": "ratio 1",
        "processes": "27 s",
        "training": "0.98",
    }
    monkeypatch.setattr(results, "benchmark", lambda name, *flags: made[name])
    monkeypatch.setattr(results, "NETWORKS", ("A",))
    monkeypatch.setattr(results, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["results"])
    (tmp_path / "benchmarks").mkdir()
    results.main()
    text = (tmp_path / "benchmarks" / "RESULTS.md").read_text()
    assert (
        "| A | 8 x 8 x 8 | 50.0 (49.0) | 40.0 (39.0) | 30.0 (29.0) | 90.0 (89.0) |  | 0.80 | 0.60 | 1.80 |  |" in text
    )
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## A training step",
        "## Compiling",
        "## Whole runs",
        "## An epoch of `train.py` against the bare step",
    ]
