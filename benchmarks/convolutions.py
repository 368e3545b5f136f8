"""`jaxcls.models.layers.conv2d` beside XLA's own convolution, each product alone: `python benchmarks/convolutions.py`.

The smallest of several times; on a CPU the forms differ, elsewhere both columns are the same convolution.
"""

import time
from collections.abc import Callable, Iterator

import jax
import numpy as np
from jax import lax

from jaxcls.models.layers.conv2d import conv2d

# x (N, H, W, C), outputs, kernel, stride, padding, groups.
SHAPES = {
    "depthwise 3x3": ((8, 56, 56, 144), 144, 3, 1, 1, 144),
    "depthwise 3x3, small image": ((8, 14, 14, 384), 384, 3, 1, 1, 384),
    "depthwise 3x3, stride 2": ((8, 56, 56, 144), 144, 3, 2, 1, 144),
    "depthwise 7x7": ((8, 56, 56, 96), 96, 7, 1, 3, 96),
    "depthwise 7x7, small image": ((8, 14, 14, 384), 384, 7, 1, 3, 384),
    "32 groups 3x3": ((8, 14, 14, 512), 512, 3, 1, 1, 32),
    "32 groups 3x3, stride 2": ((8, 28, 28, 512), 512, 3, 2, 1, 32),
    "3 groups 1x1": ((8, 28, 28, 240), 240, 1, 1, 0, 3),
    "1x1": ((8, 56, 56, 64), 256, 1, 1, 0, 1),
    "1x1, stride 2": ((8, 56, 56, 256), 512, 1, 2, 0, 1),
    "4x4 patches": ((8, 224, 224, 3), 96, 4, 4, 0, 1),
    "16x16 patches": ((8, 224, 224, 3), 768, 16, 16, 0, 1),
    "5x5, 1 channel": ((128, 32, 32, 1), 6, 5, 1, 0, 1),
    "5x5, 6 channels": ((128, 14, 14, 6), 16, 5, 1, 0, 1),
    "5x5, whole image": ((128, 5, 5, 16), 120, 5, 1, 0, 1),
    "dense 3x3": ((8, 28, 28, 128), 128, 3, 1, 1, 1),
}
PRODUCTS = ("forward", "input gradient", "weight gradient")


def plain(x: jax.Array, kernel: jax.Array, stride: tuple, padding: tuple, dilation: tuple, groups: int) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        stride,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def milliseconds(function: Callable, *operands: jax.Array, seconds: float = 0.3) -> float:
    """The smallest time of a call within `seconds`, three calls at least."""
    compiled = jax.jit(function).lower(*operands).compile()
    jax.block_until_ready(compiled(*operands))
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        jax.block_until_ready(compiled(*operands))
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def measure(convolve: Callable, x: jax.Array, kernel: jax.Array) -> Iterator[float]:
    """Milliseconds of each of `PRODUCTS`."""
    dy = convolve(x, kernel)
    yield milliseconds(convolve, x, kernel)
    yield milliseconds(lambda x, k, dy: jax.vjp(lambda x: convolve(x, k), x)[1](dy), x, kernel, dy)
    yield milliseconds(lambda x, k, dy: jax.vjp(lambda k: convolve(x, k), k)[1](dy), x, kernel, dy)


def main() -> None:
    generator = np.random.default_rng(0)
    print(f"{jax.default_backend()}, {jax.devices()[0].device_kind}, jax {jax.__version__}, float32")
    print(f"{'convolution':28}{'product':18}{'plain ms':>10}{'conv2d ms':>11}{'ratio':>8}")
    for name, (shape, outputs, size, stride, pad, groups) in SHAPES.items():
        window = ((stride, stride), ((pad, pad), (pad, pad)), (1, 1), groups)
        x = generator.standard_normal(shape, np.float32)
        kernel = generator.standard_normal((size, size, shape[3] // groups, outputs), np.float32)
        operands = jax.device_put((x, kernel))
        ours = measure(lambda x, k, window=window: conv2d(x, k, *window), *operands)
        theirs = measure(lambda x, k, window=window: plain(x, k, *window), *operands)
        for product, before, after in zip(PRODUCTS, theirs, ours, strict=True):
            print(f"{name:28}{product:18}{before:10.2f}{after:11.2f}{before / after:8.1f}", flush=True)


if __name__ == "__main__":
    main()
