"""Steps of JAX's networks for benchmarks/gpu.py and compiling.py: ours, and the form of Flax's ImageNet example."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

import jaxcls
from jaxcls import zoo
from jaxcls.engine.step.options import StepOptions
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.precision import Precision
from jaxcls.engine.step.train_step import make_eval_step

Step = Callable[[], Any]
wait = jax.block_until_ready


def peak_bytes() -> int:
    return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0)


def classifier(model: str, size: int) -> nn.Module:
    backbone = zoo.model_config(model)["backbone"]
    still = {"drop_path_rate": 0.0} if "drop_path_rate" in backbone else {}
    return jaxcls.build_classifier(zoo.model_config(model, image_size=size, backbone=still))


def build(
    column: str,
    model: str,
    kind: str,
    images: np.ndarray,
    labels: np.ndarray,
    sgd: Mapping[str, float],
    dtype: Any = jnp.bfloat16,
) -> tuple[Step, int]:
    """A function that starts a step computed in `dtype` and gives what to wait for, and the parameters' number."""
    if column == "Flax example":
        return flax_example(images, labels, sgd, dtype)
    network, parallel = classifier(model, images.shape[1]), Parallel(devices=jax.devices()[:1])
    variables = jax.jit(network.init)(jax.random.key(0), jnp.zeros((1, *images.shape[1:])))
    count = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    precision, batch = Precision(jnp.dtype(dtype).name), {"image": images, "label": labels}
    if kind == "inference":
        eval_step = make_eval_step(network, parallel=parallel, precision=precision)
        placed = parallel.place_batch({**batch, "mask": np.ones(len(labels), np.float32)})
        variables = parallel.place_state(variables)
        return lambda: eval_step(variables, placed), count
    tx = jaxcls.build_optimizer({"type": "SGD", **sgd}, variables["params"])
    options = StepOptions(precision=precision)
    train_step = jaxcls.make_train_step(network, tx, parallel=parallel, options=options)
    state = jaxcls.create_train_state(variables, tx)
    placed, key = parallel.place_batch(batch), jax.random.key(1)

    def step() -> Any:
        nonlocal state
        state, log_vars = train_step(state, placed, key)
        return log_vars

    return step, count


class Bottleneck(nn.Module):
    """As in Flax's ImageNet example: plain convolutions and norms that compute in `dtype`."""

    channels: int
    stride: int
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        conv = partial(nn.Conv, use_bias=False, dtype=self.dtype)
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9, dtype=self.dtype)
        y = nn.relu(norm()(conv(self.channels, (1, 1))(x)))
        y = nn.relu(norm()(conv(self.channels, (3, 3), self.stride)(y)))
        y = norm(scale_init=nn.initializers.zeros)(conv(4 * self.channels, (1, 1))(y))
        if x.shape != y.shape:
            x = norm()(conv(4 * self.channels, (1, 1), self.stride)(x))
        return nn.relu(x + y)


class ResNet50(nn.Module):
    """(N, H, W, 3) -> logits (N, 1000)."""

    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = nn.Conv(64, (7, 7), 2, padding=[(3, 3), (3, 3)], use_bias=False, dtype=self.dtype)(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9, dtype=self.dtype)(x))
        x = nn.max_pool(x, (3, 3), (2, 2), "SAME")
        for stage, depth in enumerate((3, 4, 6, 3)):
            for block in range(depth):
                x = Bottleneck(64 * 2**stage, 2 if stage and not block else 1, self.dtype)(x, train)
        return nn.Dense(1000, dtype=self.dtype)(x.mean((1, 2))).astype(jnp.float32)


def flax_example(images: np.ndarray, labels: np.ndarray, sgd: Mapping[str, float], dtype: Any) -> tuple[Step, int]:
    network, tx = ResNet50(dtype), optax.sgd(sgd["lr"], sgd["momentum"], nesterov=True)
    placed = jax.device_put((jnp.asarray(images, dtype), labels))
    variables = jax.jit(partial(network.init, train=False))(jax.random.key(0), placed[0][:1])

    @partial(jax.jit, donate_argnums=0)
    def train_step(state: Any, batch: Any) -> Any:
        params, statistics, momentum = state

        def loss_fn(params: Any) -> Any:
            scores, updated = network.apply(
                {"params": params, "batch_stats": statistics}, batch[0], train=True, mutable=["batch_stats"]
            )
            return optax.softmax_cross_entropy_with_integer_labels(scores, batch[1]).mean(), updated["batch_stats"]

        (loss, statistics), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
        updates, momentum = tx.update(grads, momentum)
        return (optax.apply_updates(params, updates), statistics, momentum), loss

    state = (variables["params"], variables["batch_stats"], tx.init(variables["params"]))

    def step() -> Any:
        nonlocal state
        state, loss = train_step(state, placed)
        return loss

    return step, sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
