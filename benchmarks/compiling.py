"""Seconds until the first training step of ResNet-50 is there, this package's and the form of Flax's ImageNet example.

    python benchmarks/compiling.py

Tracing, lowering and compiling: the first step's time less the least of the next two. 8 images of 224x224 in float32,
each column in a process of its own, in turn, without a cache of programs and with the options that train.py sets.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

COLUMNS = ("Flax example", "jaxcls")


def seconds_to_compile(column: str) -> float:
    import jax.numpy as jnp
    import jax_networks

    from jaxcls.engine.compilation.flags import set_flags

    set_flags()
    rng = np.random.default_rng(0)
    images, labels = rng.standard_normal((8, 224, 224, 3), np.float32), rng.integers(0, 1000, 8).astype(np.int32)
    step, _ = jax_networks.build(
        column, "resnet50", "training", images, labels, {"lr": 1e-3, "momentum": 0.9}, jnp.float32
    )
    first, *later = (seconds(step, jax_networks.wait) for _ in range(3))
    return first - min(later)


def seconds(step: Callable[[], Any], wait: Callable[[Any], Any]) -> float:
    start = time.perf_counter()
    wait(step())
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cell", choices=COLUMNS, help="one measurement, in this process")
    args = parser.parse_args()
    if args.cell:
        print(seconds_to_compile(args.cell))
        return
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    times: dict[str, list[float]] = {column: [] for column in COLUMNS}
    for _ in range(args.rounds):
        for column in COLUMNS:
            command = [sys.executable, __file__, "--cell", column]
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            times[column].append(float(done.stdout.split()[-1]))
    plain, ours = (statistics.median(times[column]) for column in COLUMNS)
    print("| training step of ResNet-50 | compiled in, s | all rounds |\n|---|--:|---|")
    for column, spent in times.items():
        print(f"| {column} | {statistics.median(spent):.1f} | {', '.join(f'{s:.1f}' for s in spent)} |")
    print(f"\nratio {ours / plain:.2f}")


if __name__ == "__main__":
    main()
