"""The benchmark for GPUs, on a CPU with small sizes: python -m pytest -m slow tests/test_benchmarks.py"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent


def rows(*flags):
    """The table's cells, without its head."""
    small = ("--batch=2", "--size=32", "--steps=1", "--rounds=1")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "gpu", *small, *flags],
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
