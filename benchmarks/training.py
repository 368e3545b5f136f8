"""An epoch of training against the bare compiled step.

    python benchmarks/training.py
    python benchmarks/training.py --network=LeNet-5 --steps=400

Batches of 128 images of 32x32. The bare step runs on data that is on the device already; the epoch is
`jaxcls.train_model`'s, with reading, augmentation, transfer, hooks and log on top. After each epoch of one run the same
compiled step takes as many bare ones, so that a shared machine's changing speed meets both.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

import jaxcls
from jaxcls.data.sources.base import Source
from jaxcls.engine.compilation.flags import set_flags
from jaxcls.engine.hooks import Hook

# name -> configs' file and variant, an image's shape
NETWORKS = {"ResNet_CIFAR-18": ("resnet", "cifar10", (32, 32, 3)), "LeNet-5": ("lenet5", "mnist", (28, 28, 1))}


class RandomImages(Source):
    """Images of noise in memory, for the benchmark alone."""

    in_memory = True

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


class BareEpochs(Hook):
    """Seconds of each epoch, from its first batch to the end of its last step, and of as many bare steps after it."""

    epochs: list[float]
    bare: list[float]

    def before_run(self, runner: jaxcls.engine.runner.Runner) -> None:
        BareEpochs.epochs, BareEpochs.bare = [], []
        batches, place = runner.loaders["train"].batches, runner.network.parallel.place_batch
        self.batches = [place(batches[i]) for i in range(len(batches))]
        self.bare_state = jax.tree.map(jnp.copy, runner.state)

    def before_train_epoch(self, runner: jaxcls.engine.runner.Runner) -> None:
        self.start = time.perf_counter()

    def after_train_epoch(self, runner: jaxcls.engine.runner.Runner) -> None:
        jax.block_until_ready(runner.state)
        BareEpochs.epochs.append(time.perf_counter() - self.start)
        start = time.perf_counter()
        for batch in self.batches:
            self.bare_state, _ = runner.train_step(self.bare_state, batch, runner.key)
        jax.block_until_ready(self.bare_state)
        BareEpochs.bare.append(time.perf_counter() - start)


def config(network: str, steps: int, batch_size: int, epochs: int) -> ConfigDict:
    recipe, variant, shape = NETWORKS[network]
    made = importlib.import_module(f"configs.{recipe}").get_config(variant)
    source = dict(type=f"{__name__}:RandomImages", length=steps * batch_size, shape=shape)
    train = dict(source, pipeline=made.data.train.pipeline)
    made.data = dict(batch_size=batch_size, num_workers=made.data.num_workers, train=train)
    made.runner.max_epochs = epochs
    made.checkpoint_config.interval = -1
    made.checkpoint_config.save_last = False
    made.log_config.interval = 100
    made.custom_hooks = [dict(type=f"{__name__}:BareEpochs", priority="HIGHEST")]
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--network", choices=list(NETWORKS), default="ResNet_CIFAR-18")
    parser.add_argument("--steps", type=int, default=6, help="steps an epoch")
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5, help="epochs after the first one, which compiles")
    args = parser.parse_args()
    set_flags()  # as train.py does
    with tempfile.TemporaryDirectory() as folder:
        made = config(args.network, args.steps, args.batch_size, args.rounds + 1)
        jaxcls.train_model(made, Path(folder) / "work")
    images = args.steps * args.batch_size
    bare, epochs = BareEpochs.bare[1:], BareEpochs.epochs[1:]
    print("| | images/s | all rounds |\n|---|--:|---|")
    for name, spent in {"bare step": bare, "epoch of train.py": epochs}.items():
        rates = ", ".join(f"{images / seconds:.1f}" for seconds in spent)
        print(f"| {name} | {images / statistics.median(spent):.1f} | {rates} |")
    ratio = statistics.median(plain / whole for plain, whole in zip(bare, epochs, strict=True))
    print("\n" + json.dumps({"epoch over bare step": round(ratio, 3), "devices": str(jax.devices())}))


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    # the config names classes of this file, which runs as __main__
    main()
