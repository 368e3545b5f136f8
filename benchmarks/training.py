"""An epoch of training against the bare compiled step.

    python benchmarks/training.py
    python benchmarks/training.py --network=LeNet-5 --steps=400

Batches of 128 images of 32x32. The bare step runs on data that is on the device already; the epoch is
`jaxcls.train_model`'s, with reading, augmentation, transfer, hooks and log on top. Both in one process, alternating.
"""

from __future__ import annotations

import argparse
import importlib
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
from jaxcls.engine.compilation.flags import set_flags
from jaxcls.engine.hooks import Hook
from jaxcls.engine.step.parallel import Parallel

# name -> configs' file and variant, an image's shape
NETWORKS = {"ResNet_CIFAR-18": ("resnet", "cifar10", (32, 32, 3)), "LeNet-5": ("lenet5", "mnist", (28, 28, 1))}


class RandomImages(Source):
    """Images of noise in memory, for the benchmark alone."""

    def __init__(self, length: int, shape: tuple[int, ...]) -> None:
        rng = np.random.default_rng(0)
        self.images = rng.integers(0, 256, (length, *shape), np.uint8)
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


def config(network: str, steps: int, batch_size: int) -> ConfigDict:
    """Two epochs; the first one compiles."""
    recipe, variant, shape = NETWORKS[network]
    made = importlib.import_module(f"configs.{recipe}").get_config(variant)
    source = dict(type=f"{__name__}:RandomImages", length=steps * batch_size, shape=shape)
    made.data = dict(batch_size=batch_size, num_workers=1, train=dict(source, pipeline=made.data.train.pipeline))
    made.runner.max_epochs = 2
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
    parser.add_argument("--network", choices=list(NETWORKS), default="ResNet_CIFAR-18")
    parser.add_argument("--steps", type=int, default=6, help="steps an epoch")
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    set_flags()  # as train.py does
    made = config(args.network, args.steps, args.batch_size)
    full = complete(made.copy_and_resolve_references())
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
            jaxcls.train_model(made.copy_and_resolve_references(), Path(folder) / "work")
        epochs.append(EpochTimer.seconds[-1])
    rows = {"bare step": min(bare), "epoch of train.py": min(epochs)}
    print("| | images/s | all rounds |\n|---|--:|---|")
    for (name, best), all_seconds in zip(rows.items(), (bare, epochs), strict=True):
        print(f"| {name} | {images / best:.1f} | {', '.join(f'{images / s:.1f}' for s in all_seconds)} |")
    ratio = rows["bare step"] / rows["epoch of train.py"]
    print("\n" + json.dumps({"epoch over bare step": round(ratio, 3), "devices": str(jax.devices())}))


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    # the config names classes of this file, which runs as __main__
    main()
