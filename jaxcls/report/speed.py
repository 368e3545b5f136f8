"""How long a training took, and how fast its network answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxcls.inference import Model
from jaxcls.inspect.logs import Log
from jaxcls.inspect.speed import measure
from jaxcls.report.numbers import duration, large, rate, significant

_MOST = 32  # images at a time


def of_training(log: Log, batch_size: int) -> list[tuple[str, str]]:
    """(what, how much), as the log says; the first line of each epoch does not count where there are others."""
    keys = log.keys()
    if "time" not in keys:
        return []
    seconds = float(np.concatenate(list(log.epoch_times().values())).mean())
    rows = [
        ("Iteration", f"{significant(1e3 * seconds, 3)} ms"),
        ("Images a second", rate(batch_size / seconds)),
        ("Whole training, without compilation and evaluation", duration(_iterations(log) * seconds)),
    ]
    if waits := [line["data_time"] for line in log.lines if line.get("mode") == "train" and "data_time" in line]:
        rows.insert(1, ("Of which waiting for data", f"{100 * float(np.mean(waits)) / seconds:.1f} %"))
    return rows


def _iterations(log: Log) -> int:
    """How many the log tells of."""
    most: dict[int, int] = {}
    for line in log.lines:
        if line.get("mode") == "train":
            epoch = line["epoch"] if log.by_epoch else 0
            most[epoch] = max(most.get(epoch, 0), line["iter"])
    return max(most.values(), default=0) * max(most, default=1) if log.by_epoch else most.get(0, 0)


def of_inference(model: Model) -> list[dict[str, Any]]:
    """A row a batch size: `batch`, `images_per_second`, `p50` and `p99` (milliseconds), `compile`, `memory`.

    Raises:
        UserError: the memory does not suffice.
    """
    rows = []
    for size in dict.fromkeys((1, min(model.batch_size, _MOST))):
        speed = measure(model.classifier, model.variables, model.image_shape, size, seconds=2.0)
        rows.append(
            {
                "batch": size,
                "images_per_second": rate(speed.images_per_second),
                "p50": significant(speed.latency["p50"], 3),
                "p99": significant(speed.latency["p99"], 3),
                "compile": duration(speed.compile_seconds),
                "memory": "" if speed.memory is None else f"{large(speed.memory)}B",
            }
        )
    return rows
