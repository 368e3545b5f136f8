"""Seconds of whole runs, from the shell's view: start, compiling, training, evaluation, checkpoints.

    python benchmarks/processes.py

The README's first command, and LeNet-5 on Fashion-MNIST for five epochs (Debian's package dataset-fashion-mnist), which
takes MMClassification 79 s. Cold is a start without compiled programs, warm the next one.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = {"configs/resnet.py": ("cold",), "configs/lenet5.py:fashion_mnist": ("cold", "warm")}


def run(config: str, folder: str, number: str) -> tuple[float, str]:
    """The seconds of one run, and the accuracy that it ended with."""
    environment = {**os.environ, "XDG_CACHE_HOME": f"{folder}/cache"}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [sys.executable, "train.py", f"--config={config}", f"--workdir={folder}/{number}"]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(done.stderr)
    return seconds, re.findall(r"accuracy_top-1: ([\d.]+)", done.stdout + done.stderr)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    print("| `python train.py --config=…` | compiled programs | seconds, all rounds | top-1 |\n|---|---|---|--:|")
    for config, starts in RUNS.items():
        times: dict[str, list[float]] = {start: [] for start in starts}
        for _ in range(args.rounds):
            with tempfile.TemporaryDirectory() as folder:
                for start in starts:
                    seconds, accuracy = run(config, folder, start)
                    times[start].append(seconds)
        for start, spent in times.items():
            print(f"| `{config}` | {start} | {', '.join(f'{s:.1f}' for s in spent)} | {accuracy} |", flush=True)


if __name__ == "__main__":
    main()
