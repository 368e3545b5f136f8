"""An epoch of training against the bare compiled step.

    python benchmarks/training.py

ResNet_CIFAR-18 at batch 128 on images of 32x32. The bare step runs on data that is on the device already; the epoch is
`jaxcls.train_model`'s, with reading, augmentation, transfer, hooks and log on top. Both in one process, alternating.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

import jaxcls
from jaxcls.config import complete
from jaxcls.data.sources.base import Source
from jaxcls.engine import assembly
from jaxcls.engine.hooks import Hook
from jaxcls.engine.step.parallel import Parallel


class RandomImages(Source):
    """Images of noise in memory, for the benchmark alone."""

    def __init__(self, length: int, size: int = 32) -> None:
        rng = np.random.default_rng(0)
        self.images = rng.integers(0, 256, (length, size, size, 3), np.uint8)
        self._labels = rng.integers(0, 10, length).astype(np.int32)
        self.classes = tuple(map(str, range(10)))

    @property
    def labels(self) -> np.ndarray:
        return self._labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict:
        return {"image": self.images[index], "label": int(self._labels[index])}


class EpochTimer(Hook):
    """Seconds of each epoch of training, from its first batch to the end of its last step."""

    seconds: list[float]

    def before_run(self, runner: object) -> None:
        EpochTimer.seconds = []

    def before_train_epoch(self, runner: object) -> None:
        self.start = time.perf_counter()

    def after_train_epoch(self, runner: object) -> None:
        EpochTimer.seconds.append(time.perf_counter() - self.start)


def config(steps: int, batch_size: int, epochs: int) -> ConfigDict:
    from configs import resnet

    made = resnet.get_config("cifar10")
    made.data.batch_size = batch_size
    pipeline = made.data.train.pipeline
    made.data = dict(batch_size=batch_size, num_workers=1)
    made.data.train = dict(type=f"{__name__}:RandomImages", length=steps * batch_size, pipeline=pipeline)
    made.runner.max_epochs = epochs
    made.checkpoint_config.interval = -1
    made.checkpoint_config.save_last = False
    made.log_config.interval = 100
    made.custom_hooks = [dict(type=f"{__name__}:EpochTimer", priority="HIGHEST")]
    return made


def bare_epoch(step, state, batches, key):
    """The state and the seconds of one pass over `batches`."""
    start = time.perf_counter()
    for batch in batches:
        state, log_vars = step(state, batch, key)
    jax.block_until_ready((state, log_vars))
    return state, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=6, help="steps an epoch")
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    full = complete(config(args.steps, args.batch_size, 2))
    runner, loaders, _ = assembly.build_runner(full, Path("unused"), validate=False)
    parallel = Parallel()
    host = loaders["train"].batches
    batches = [parallel.place_batch(host[i]) for i in range(args.steps)]
    state, _ = bare_epoch(runner.train_step, runner.state, batches[:2], runner.key)
    images, bare, epochs = args.steps * args.batch_size, [], []
    for _ in range(args.rounds):
        state, seconds = bare_epoch(runner.train_step, state, batches, runner.key)
        bare.append(seconds)
        with tempfile.TemporaryDirectory() as folder:
            jaxcls.train_model(config(args.steps, args.batch_size, 2), Path(folder) / "work")
        epochs.append(EpochTimer.seconds[-1])  # the first one compiles
    rows = {"bare step": min(bare), "epoch of train.py": min(epochs)}
    print("| | images/s | all rounds |\n|---|--:|---|")
    for (name, best), all_seconds in zip(rows.items(), (bare, epochs), strict=True):
        print(f"| {name} | {images / best:.1f} | {', '.join(f'{images / s:.1f}' for s in all_seconds)} |")
    ratio = rows["bare step"] / rows["epoch of train.py"]
    print(json.dumps({"epoch over bare step": round(ratio, 3), "devices": str(jax.devices())}))


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    # the config names classes of this file, which runs as __main__
    main()
