"""The products of matrices in a training step of ViT-S/16, batch 8, on a CPU: XLA's and PyTorch's.

    python benchmarks/products.py

Milliseconds a step, twelve layers: what an attention layer and its step can at best take. Each framework has a process
of its own, so that neither's threads meet the other's.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

LAYERS, IMAGES, TOKENS, WIDTH, HEADS = 12, 8, 197, 384, 6
ROWS, DEPTH, GROUPS = IMAGES * TOKENS, WIDTH // HEADS, IMAGES * HEADS
# shapes of the operands, and which of them is transposed: forward, and the two gradients
DENSE = [
    operands
    for k, n in ((WIDTH, 3 * WIDTH), (WIDTH, WIDTH), (WIDTH, 4 * WIDTH), (4 * WIDTH, WIDTH))
    for operands in (
        ((ROWS, k), (k, n), ""),
        ((ROWS, n), (k, n), "b"),
        ((ROWS, k), (ROWS, n), "a"),
    )
]
TALL, SQUARE = (GROUPS, TOKENS, DEPTH), (GROUPS, TOKENS, TOKENS)
BATCHED = [
    *2 * [(TALL, TALL, "b")],  # logits; the gradient of the weights
    *2 * [(SQUARE, TALL, "")],  # weighted values; the gradient of the queries
    *2 * [(SQUARE, TALL, "a")],  # the gradients of the keys and of the values
]


def jax_product(a: np.ndarray, b: np.ndarray, transposed: str) -> Callable[[], Any]:
    from jaxcls.engine.compilation.flags import set_flags

    set_flags()
    import jax

    def product(a: jax.Array, b: jax.Array) -> jax.Array:
        return (a.mT if transposed == "a" else a) @ (b.mT if transposed == "b" else b)

    compiled, placed = jax.jit(product), (jax.device_put(a), jax.device_put(b))
    return lambda: compiled(*placed).block_until_ready()


def torch_product(a: np.ndarray, b: np.ndarray, transposed: str) -> Callable[[], Any]:
    import torch

    x, y = torch.from_numpy(a), torch.from_numpy(b)
    x, y = x.mT if transposed == "a" else x, y.mT if transposed == "b" else y
    return lambda: x @ y


def milliseconds(make: Callable[..., Callable[[], Any]], kinds: list[Any]) -> float:
    rng, total = np.random.default_rng(0), 0.0
    for *shapes, transposed in kinds:
        step = make(*(rng.standard_normal(shape, np.float32) for shape in shapes), transposed)
        seconds = []
        for _ in range(12):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        total += 1e3 * statistics.median(seconds[2:])
    return LAYERS * total


def main() -> None:
    makes = {"jax": jax_product, "torch": torch_product}
    if len(sys.argv) > 1:
        make = makes[sys.argv[1]]
        print(f"{sys.argv[1]}: {milliseconds(make, DENSE):.0f} ms, batched {milliseconds(make, BATCHED):.0f}")
        return
    for name in (*makes, *reversed(makes)):
        subprocess.run([sys.executable, __file__, name], check=True)


if __name__ == "__main__":
    main()
