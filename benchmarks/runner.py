"""What the runner and its hooks cost an iteration, beside the step.

    taskset -c 0 python benchmarks/runner.py

A run of `jaxcls.train_model` on digits with the default hooks, a line in the log every 100 iterations, in which the
compiled step is replaced by one that gives back what it got: all that remains is the runner, the hooks, the placing of
arrays and the hand-over of batches. The network is ResNet-50, whose state has 429 arrays.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from configs import resnet
from jaxcls.config import complete
from jaxcls.engine import assembly
from jaxcls.engine.checkpoints.storage import Checkpoints
from jaxcls.engine.log import open_log
from jaxcls.engine.step.parallel import Parallel


class OneBatch:
    """A training loader that gives the same placed batch."""

    def __init__(self, batches: Any, batch: Any, length: int) -> None:
        self.batches, self.batch, self.length = batches, batch, length

    def __len__(self) -> int:
        return self.length

    def iterate(self, start: int = 0) -> Iterator[Any]:
        while True:
            yield self.batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--iters", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    config = resnet.get_config()
    config.model = resnet.get_config("imagenet2012").model
    config.model.backbone.in_channels = 1
    config.model.head.num_classes = 10
    config.runner.max_epochs = args.rounds
    config.checkpoint_config = {"interval": -1, "save_last": False}
    config.log_config.interval = 100
    parallel, log_vars = Parallel(), {"loss": jnp.ones(())}
    seconds = []

    def step(state: Any, batch: Any, key: Any) -> tuple[Any, dict[str, Any]]:
        parallel.place_state(state), parallel.place_batch(batch), parallel.place_key(key)
        return state, log_vars

    with tempfile.TemporaryDirectory() as folder:
        runner, loaders, _ = assembly.build_runner(complete(config), Path(folder), validate=False)
        runner.checkpoints = Checkpoints(folder)
        open_log(Path(folder) / f"{runner.timestamp}.log")
        batch = parallel.place_batch(loaders["train"].batches[0])
        loader = OneBatch(loaders["train"].batches, batch, args.iters)
        runner.train_step = step
        before, after = runner.call_hook, time.perf_counter

        def timed(stage: str) -> None:
            if stage == "before_train_epoch":
                seconds.append(-after())
            before(stage)
            if stage == "after_train_epoch":
                seconds[-1] += after()

        runner.call_hook = timed
        runner.run({"train": loader})
    per_iteration = [1000 * s / args.iters for s in seconds]
    print(json.dumps({
        "ms an iteration": [round(ms, 4) for ms in per_iteration],
        "median": round(sorted(per_iteration)[len(per_iteration) // 2], 4),
        "arrays in the state": len(jax.tree.leaves(runner.state)),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
