"""How fast a run is: images, operations, memory."""

from __future__ import annotations

import sys
from typing import Any

import jax
import jax.numpy as jnp

from jaxcls.engine.hooks.hook import Hook
from jaxcls.errors import UserError
from jaxcls.multiply_adds import multiply_adds

_PASSES = 3  # forward, and two products for the gradients of each


class ThroughputHook(Hook):
    """Adds to each line of the log, of all loggers, what the iterations since the last line came to.

    `images_per_second` and `tflops`, 10^12 operations a second, are of all devices together; `utilisation` is the share
    of `peak_tflops`; `host_memory` is the most that this process has held, in MB. Operations are those of the network's
    convolutions and matrix products, two for each multiply-add, forward and for the gradients. Teachers, augmentation
    and the optimiser do not count, nor what `with_cp` computes again (the model's operations of Chowdhery et al. 2022,
    arXiv:2204.02311, appendix B).

    Args:
        peak_tflops: what all devices together could do, in the run's precision, by their maker or by measurement.

    Raises:
        UserError: `peak_tflops` is not positive.
    """

    priority = 80  # behind the timer, which waits for the devices, and in front of the loggers

    def __init__(self, peak_tflops: float | None = None) -> None:
        if peak_tflops is not None and not peak_tflops > 0:
            raise UserError(f"peak_tflops={peak_tflops!r}: expected a positive number")
        self.peak_tflops = peak_tflops

    def before_run(self, runner: Any) -> None:
        network = runner.network
        images = jax.ShapeDtypeStruct((1, *network.image_shape), jnp.float32)
        counts = multiply_adds(jax.make_jaxpr(network.classifier.apply)(network.shapes, images).jaxpr)
        self._operations = 2 * _PASSES * sum(counts.values()) * runner.batch_size
        self.before_train_epoch(runner)

    def before_train_epoch(self, runner: Any) -> None:
        self._start, self._iterations = runner.clock.now(), 0

    def after_train_iter(self, runner: Any) -> None:
        self._iterations += 1
        if not runner.log_is_due:
            return
        now = runner.clock.now()
        rate = self._iterations / max(now - self._start, 1e-9)
        self._start, self._iterations = now, 0
        tflops = rate * self._operations / 1e12
        values = {"images_per_second": rate * runner.batch_size, "tflops": tflops}
        if self.peak_tflops is not None:
            values["utilisation"] = tflops / self.peak_tflops
        runner.log_buffer.update({**values, **_peak_memory()})


def _peak_memory() -> dict[str, int]:
    """MB of this process; nothing on Windows, where Python does not tell."""
    if sys.platform == "win32":
        return {}
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"host_memory": peak // (2**20 if sys.platform == "darwin" else 2**10)}
