"""How fast a network runs, and what it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcls.errors import UserError

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Speed:
    """Of one program.

    Attributes:
        what: `inference`, or `training`: forward and backward pass without the optimiser.
        batch_size: N.
        compile_seconds: tracing and compiling, or reading from the compilation cache.
        images_per_second: N over the median.
        latency: percentile -> milliseconds a batch.
        memory: bytes of arguments, results and temporary values, as the compiler says; None where it does not.
    """

    what: str
    batch_size: int
    compile_seconds: float
    images_per_second: float
    latency: Mapping[str, float]
    memory: int | None

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


def measure(
    classifier: nn.Module,
    variables: Mapping[str, Any],
    image_shape: tuple[int, ...],
    batch_size: int,
    training: bool = False,
    repeats: int = 30,
    seconds: float = 10.0,
    dtype: Any = jnp.float32,
) -> Speed:
    """Runs a network on one device again and again, each time to the end.

    Args:
        classifier: an unbound module.
        variables: its own.
        image_shape: (H, W, C).
        batch_size: N.
        training: the gradient of the losses, in place of the logits.
        repeats: runs after the first two, which do not count.
        seconds: no run begins after so long, once there were five.
        dtype: of images and parameters.

    Raises:
        UserError: the network does not fit into the memory.
    """
    cast = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), dict(variables))
    images = jnp.asarray(np.random.default_rng(0).standard_normal((batch_size, *image_shape)), dtype)
    run = _gradient(classifier, batch_size) if training else classifier.apply
    began = time.perf_counter()
    try:
        compiled = jax.jit(run).lower(cast, images).compile()
        compile_seconds = time.perf_counter() - began
        times = _times(lambda: jax.block_until_ready(compiled(cast, images)), repeats, seconds)
    except jax.errors.JaxRuntimeError as error:
        raise UserError(f"batch size {batch_size}: {str(error).splitlines()[0]}") from error
    milliseconds = {f"p{rank}": float(np.percentile(times, rank) * 1e3) for rank in PERCENTILES}
    what = "training" if training else "inference"
    return Speed(
        what, batch_size, compile_seconds, batch_size / float(np.median(times)), milliseconds, _memory(compiled)
    )


def _gradient(classifier: nn.Module, batch_size: int) -> Callable[..., Any]:
    labels = jnp.zeros(batch_size, jnp.int32)

    def run(variables: Mapping[str, Any], images: jax.Array) -> Any:
        rest = {name: tree for name, tree in variables.items() if name != "params"}
        rngs = {name: jax.random.key(0) for name in ("dropout", "drop_path")}

        def loss(params: Any) -> tuple[jax.Array, Any]:
            losses, updated = classifier.apply(
                {"params": params, **rest}, images, labels, method="forward_train", rngs=rngs, mutable=["batch_stats"]
            )
            total = sum(jnp.sum(value) for name, value in losses.items() if "loss" in name)
            return jnp.asarray(total, jnp.float32), updated

        return jax.grad(loss, has_aux=True)(variables["params"])

    return run


def _times(run: Callable[[], Any], repeats: int, seconds: float) -> list[float]:
    for _ in range(2):
        run()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < repeats and (len(times) < 5 or time.perf_counter() - began < seconds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def _memory(compiled: Any) -> int | None:
    analysis = compiled.memory_analysis()
    if analysis is None:
        return None
    sizes = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
    return sum(int(getattr(analysis, name)) for name in sizes) - int(getattr(analysis, "alias_size_in_bytes", 0))
