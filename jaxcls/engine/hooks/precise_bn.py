"""BatchNorm's running statistics, computed anew with fixed weights (mmcls/core/hook/precise_bn_hook.py).

Wu & Johnson 2021, Rethinking "Batch" in BatchNorm, https://arxiv.org/abs/2105.07576, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import traverse_util
from jax import Array

from jaxcls import collectives
from jaxcls.engine.hooks.hook import PRIORITIES, Hook, every_n, warn_if_never
from jaxcls.errors import UserError
from jaxcls.models.layers.norm import BatchNorm

Path = tuple[str, ...]


class PreciseBNHook(Hook):
    """After an epoch, sets the running mean and variance to the averages over many batches of the training data.

    The batches are the epoch's first ones, as the epoch saw them, in an iteration of their own: neither the order of
    the training data nor a continuation depends on this hook. Each device's mean and unbiased variance of a batch
    count the same. Layers that training holds in evaluation mode keep theirs.

    Args:
        num_samples: how many images, in whole batches, at least one and at most an epoch's.
        interval: in epochs.

    Raises:
        UserError: either is less than 1.
    """

    priority = PRIORITIES["ABOVE_NORMAL"]  # before the checkpoint and the evaluation

    def __init__(self, num_samples: int = 8192, interval: int = 1) -> None:
        if num_samples < 1 or interval < 1:
            raise UserError(f"num_samples={num_samples!r}, interval={interval!r}; allowed: 1 or more")
        self.num_samples, self.interval = num_samples, interval
        self._layers: dict[Path, float] = {}

    def check(self, runner: Any) -> None:
        if not runner.by_epoch:
            raise UserError(f"PreciseBNHook works with EpochBasedRunner, not with {type(runner).__name__}")

    def before_run(self, runner: Any) -> None:
        warn_if_never(self, runner, self.interval, runner.max_epochs, "epochs")
        self._layers = layers_in_training(runner)
        self._count = min(max(self.num_samples // runner.batch_size, 1), runner.iters_per_epoch)
        if self._layers:
            self._step = runner.network.parallel.wrap_eval_step(_make_step(runner.network, self._layers, self._count))
        else:
            runner.logger.warning("PreciseBNHook does nothing: the network has no BatchNorm in training mode")

    def after_train_epoch(self, runner: Any) -> None:
        if not self._layers or not every_n(runner.epoch + 1, self.interval):
            return
        runner.logger.info("Precise BN: %d layers, %d batches", len(self._layers), self._count)
        state, place = runner.state, runner.network.parallel.place_state
        totals = jax.tree.map(jnp.zeros_like, state.batch_stats)
        first = runner.epoch * runner.iters_per_epoch
        with closing(runner.loaders["train"].iterate(first, first + self._count)) as batches:
            for number, batch in enumerate(batches, first):
                key = jax.random.fold_in(runner.key, number)
                inputs = {"params": state.params, "batch_stats": state.batch_stats, "totals": totals, "key": key}
                _, totals = self._step(place(inputs), batch)
        runner.state = state.replace(batch_stats=place(totals))


def _make_step(network: Any, layers: dict[Path, float], count: int) -> Callable:
    """One device's `(inputs, batch) -> ((), totals)`: what a batch adds to the averages over `count` of them.

    From zero, one training step moves a running statistic by `momentum` times the batch's own, which is what
    `layers` (path -> momentum) divide by.
    """

    def step(inputs: dict[str, Any], batch: dict[str, Array]) -> tuple[tuple, Any]:
        statistics, totals = (traverse_util.flatten_dict(inputs[name]) for name in ("batch_stats", "totals"))
        zeroed = {path: jnp.zeros_like(leaf) if path[:-1] in layers else leaf for path, leaf in statistics.items()}
        variables = {"params": inputs["params"], "batch_stats": traverse_util.unflatten_dict(zeroed)}
        key = jax.random.fold_in(inputs["key"], collectives.device_index())
        images, labels, dropout_key = network.inputs(batch, key)
        images = network.precision.cast_images(images)
        forward = _forward(network.classifier, network.precision.cast(variables), images, labels, dropout_key)
        moved = traverse_util.flatten_dict(forward)
        means = collectives.pmean({path: leaf for path, leaf in moved.items() if path[:-1] in layers})
        added = {path: totals[path] + mean / (layers[path[:-1]] * count) for path, mean in means.items()}
        return (), traverse_util.unflatten_dict({**statistics, **added})

    return step


def _forward(classifier: nn.Module, variables: Mapping[str, Any], images: Array, labels: Array, key: Array) -> Any:
    """The running statistics after a forward pass as in training."""
    needs_teacher = getattr(getattr(classifier, "head", None), "needs_teacher", False)
    method, arguments = ("forward_student", (images,)) if needs_teacher else ("forward_train", (images, labels))
    _, updated = classifier.apply(variables, *arguments, method=method, rngs={"dropout": key}, mutable=["batch_stats"])
    return updated.get("batch_stats", {})


def layers_in_training(runner: Any) -> dict[Path, float]:
    """The BatchNorm layers that training holds in training mode: path -> momentum."""
    found: dict[Path, float] = {}

    def note(call: Callable, args: tuple, kwargs: dict[str, Any], context: Any) -> Any:
        layer = context.module
        if isinstance(layer, BatchNorm) and not layer.use_running_average and _is_training(*args, **kwargs):
            found[layer.path] = layer.momentum
        return call(*args, **kwargs)

    network, state = runner.network, runner.state
    images = jnp.zeros((1, *network.image_shape))
    labels = runner.loaders["train"].batches.dataset.labels[:1]
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    with nn.intercept_methods(note):
        jax.eval_shape(partial(_forward, network.classifier), variables, images, labels, jax.random.key(0))
    return found


def _is_training(x: Array, train: bool = False) -> bool:
    """The second argument of a norm's call."""
    return train
