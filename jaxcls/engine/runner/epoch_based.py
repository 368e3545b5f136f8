"""The runner that counts passes over the training data."""

from __future__ import annotations

from collections.abc import Sequence

from jaxcls.engine.runner.base import Runner
from jaxcls.engine.runner.workflow import parts


class EpochBasedRunner(Runner):
    """Runs the workflow epoch by epoch (mmcv/runner/epoch_based_runner.py)."""

    by_epoch = True

    @property
    def max_epochs(self) -> int:
        return self.length

    @property
    def max_iters(self) -> int:
        return self.length * self.iters_per_epoch

    def _run(self, workflow: Sequence[tuple[str, int]]) -> None:
        within = self.iter > self.epoch * self.iters_per_epoch
        for mode, _ in parts(workflow, self.epoch, self.length, within):
            if self.stop_reason and mode == "train":
                break
            if mode == "train":
                self.train_epoch()
            else:
                self.val_epoch()

    def train_epoch(self) -> None:
        """One epoch of training, or what is left of it."""
        self.enter("train")
        first = self.iter - self.epoch * self.iters_per_epoch
        if first:  # an earlier run has begun the epoch
            self.inner_iter = first - 1
        self.call_hook("before_train_epoch")
        for place in range(first, self.iters_per_epoch):
            self.inner_iter = place
            self.train_iteration()
        self.call_hook("after_train_epoch")
        self.epoch += 1

    def val_epoch(self) -> None:
        """One pass over the validation data: its losses, in evaluation mode."""
        self.enter("val")
        self.call_hook("before_val_epoch")
        for place, batch in enumerate(self.loaders["val"].iterate()):
            self.inner_iter = place
            self.val_iteration(batch)
        self.call_hook("after_val_epoch")
