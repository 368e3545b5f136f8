"""What took longest on the device in a few steps, from JAX's own trace."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

STEPS = 3


def write(step: Callable[[], Any], wait: Callable[[Any], None], folder: Path) -> None:
    """`FOLDER.txt`: milliseconds a step by kernel, and by kernels of one kind (names without their numbers)."""
    with jax.profiler.trace(str(folder)):
        for _ in range(STEPS):
            wait(step())
    (trace,) = folder.rglob("*.xplane.pb")
    kernels: Counter[str] = Counter()
    for plane in jax.profiler.ProfileData.from_file(str(trace)).planes:
        if plane.name.startswith("/device:"):
            for line in plane.lines:
                if line.name.startswith("Stream"):
                    for event in line.events:
                        operation = dict(event.stats).get("hlo_op", "")
                        kernels[f"{operation or event.name} | {event.name[:80]}"] += event.duration_ns
    kinds: Counter[str] = Counter()
    for name, duration in kernels.items():
        kinds[re.sub(r"[\d.]+$", "", name.partition(" | ")[0])] += duration
    lines = [f"{sum(kernels.values()) / 1e6 / STEPS:.2f} ms a step on the device\n"]
    for table in (kinds, kernels):
        lines += [f"{duration / 1e6 / STEPS:9.3f}  {name}" for name, duration in table.most_common(40)] + [""]
    folder.with_suffix(".txt").write_text("\n".join(lines))
