"""Everything that has a place on a CPU, in one run, as benchmarks/RESULTS.md.

    python -m benchmarks

A training step of this package, of PyTorch and of Keras 3 on JAX, where these are installed; then the time to compile,
whole runs, and an epoch against the bare step. About half an hour.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = (
    "ResNet_CIFAR-18",
    "ResNet-50",
    "LeNet-5",
    "MobileNetV2",
    "ConvNeXt-T",
    "ViT-S/16",
    "Swin-T",
    "ResNeXt-50",
)
PACKAGES = ("jax", "jaxlib", "flax", "torch", "keras", "keras-hub")
COLUMNS = ("jaxcls", "PyTorch", "PyTorch + pages", "Keras", "Keras + options")
HEAD = f"| network | batch | {' | '.join(COLUMNS)} | of PyTorch's speed | with pages | of Keras' | with options |"


def benchmark(name: str, *flags: str) -> str:
    """What benchmark `name` prints."""
    command = [sys.executable, "-m", "benchmarks", name, *flags]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def steps(rounds: int) -> list[str]:
    lines = [HEAD, "|---|---|" + "--:|" * (2 * len(COLUMNS) - 1)]
    for network in NETWORKS:
        table = benchmark("models", f"--models={network}", f"--rounds={rounds}", f"--columns={','.join(COLUMNS)}")
        name, batch, _, *times = cells(table)
        shares = [f"{median(other) / median(times[0]):.2f}" if other else "" for other in times[1:]]
        lines.append("| " + " | ".join([name, batch, *times, *shares]) + " |")
        print(lines[-1], flush=True)
    return lines


def cells(table: str) -> list[str]:
    return [cell.strip() for cell in table.splitlines()[-1].strip("|").split("|")]


def median(cell: str) -> float:
    return float(cell.split()[0])


def machine() -> str:
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{len(os.sched_getaffinity(0))} cores of {processor[1] if processor else platform.processor()}"


def versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join([f"Python {platform.python_version()}", *found])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="of the steps")
    args = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    sections = {
        "A training step": "\n".join(
            ["Milliseconds, median (least), `python -m benchmarks models`.", "", *steps(args.rounds)]
        ),
        "Compiling": benchmark("compiling"),
        "Whole runs": benchmark("processes"),
        "An epoch of `train.py` against the bare step": "\n\n".join(
            f"{network}:\n\n" + benchmark("training", f"--network={network}", f"--steps={length}", "--rounds=9")
            for network, length in (("ResNet_CIFAR-18", 3), ("LeNet-5", 400))
        ),
    }
    parts = [f"## {title}\n\n{text}" for title, text in sections.items()]
    where = f"commit {commit.strip()}: {machine()}; {versions()}"
    head = f"# Results on a CPU\n\n`python -m benchmarks`, {date.today()}, {where}."
    (ROOT / "benchmarks" / "RESULTS.md").write_text("\n\n".join([head, *parts]) + "\n")


if __name__ == "__main__":
    main()
