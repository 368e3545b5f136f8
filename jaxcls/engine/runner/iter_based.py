"""The runner that counts training steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from jaxcls.engine.runner.base import Runner
from jaxcls.engine.runner.workflow import parts, validated


class IterBasedRunner(Runner):
    """Runs the workflow iteration by iteration (mmcv/runner/iter_based_runner.py).

    `before_epoch` and `after_epoch` of the hooks are called once, at the ends of the run.
    """

    by_epoch = False

    @property
    def max_epochs(self) -> int:
        return -(-self.length // self.iters_per_epoch)

    @property
    def max_iters(self) -> int:
        return self.length

    def _run(self, workflow: Sequence[tuple[str, int]]) -> None:
        self.call_hook("before_epoch")
        val_batches = self._val_batches(validated(workflow, self.iter))
        for mode, place in parts(workflow, self.iter, self.length, within=False):
            if self.stop_reason and mode == "train":
                break
            self.enter(mode)
            self.inner_iter, self.epoch = place, self.iter // self.iters_per_epoch
            if mode == "train":
                self.train_iteration()
            else:
                self.val_iteration(next(val_batches))
        self.mode = None
        self.call_hook("after_epoch")

    def _val_batches(self, first: int) -> Iterator[Any]:
        """The validation data, over and over, from the `first` of all batches on."""
        if "val" not in self.loaders:
            return
        start = first % len(self.loaders["val"])
        for loader in itertools.repeat(self.loaders["val"]):
            yield from loader.iterate(start)
            start = 0
