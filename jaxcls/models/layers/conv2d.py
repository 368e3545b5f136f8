"""A 2-D convolution that is quick on a CPU too.

Where windows do not overlap it is a matrix product, on every device; else on a GPU or TPU
`jax.lax.conv_general_dilated`. XLA's CPU backend has one good convolution, the dense one with enough channels; for the
others this module writes the same sums in a form that XLA compiles well, and chooses that form for each product:
forward, input gradient, weight gradient. The choice falls where the program runs, not where it is traced.
`benchmarks/convolutions.py` measures them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcls.models.layers.pixels import require_pixels
from jaxcls.models.layers.platforms import leaves_jax, platform_dependent, traced_once

# A 7x7 kernel unrolled compiles in 0.2 s; the time to compile grows with the number of taps. ConvMixer has 9x9.
_MOST_TAPS = 81
_FEWEST_OF_A_GROUP = 8  # channels
_WIDEST_ROW = 7  # times the kernel's; on larger images XLA's own weight gradient is quicker than that of `toeplitz`


class Window(NamedTuple):
    """How a kernel moves over an image: a number for each of rows and columns, for `padding` a pair (low, high)."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]


class Products(NamedTuple):
    """The products of one convolution; `dy` is the cotangent of the output, the shapes are those of the results."""

    forward: Callable[[jax.Array, jax.Array, Window, int], jax.Array]  # x, kernel
    input_gradient: Callable[[jax.Array, jax.Array, tuple[int, ...], Window, int], jax.Array]  # dy, kernel, x.shape
    weight_gradient: Callable[[jax.Array, jax.Array, tuple[int, ...], Window, int], jax.Array]  # x, dy, kernel.shape


def conv2d(
    x: jax.Array,
    kernel: jax.Array,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[tuple[int, int]] = ((0, 0), (0, 0)),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> jax.Array:
    """The cross-correlation of `x` (N, H, W, C) with `kernel` (kh, kw, C / groups, O): (N, H', W', O).

    Equal to `jax.lax.conv_general_dilated` in value and in both gradients (reverse mode, first order). On a CPU half
    precision is computed in float32 and the result rounded.

    Raises:
        ImageSizeError: the kernel does not fit on the image.
    """
    (top, bottom), (left, right) = padding
    window = Window(tuple(stride), ((top, bottom), (left, right)), tuple(dilation))
    if not _fits(x, kernel, groups):
        return dense(x, kernel, window, groups)  # which names what does not fit
    require_pixels(_output_size(x.shape, kernel.shape[:2], window), kernel.shape[:2], x.shape[1:3])
    half = x.dtype in (jnp.bfloat16, jnp.float16)
    if groups == 1 and not half:
        if _is_disjoint(x.shape, kernel.shape, window):
            # on a CPU 1x1: 2x, its weight gradient 1.5 to 4x; 16x16 patches: input gradient 16x
            return disjoint(x, kernel, window)
        if not _is_narrow(x.shape, kernel.shape):
            return dense(x, kernel, window)
    anywhere, on_cpu = (partial(form, window=window, groups=groups) for form in (dense, _on_cpu))
    return platform_dependent(x, kernel, cpu=on_cpu, default=anywhere)


def _fits(x: jax.Array, kernel: jax.Array, groups: int) -> bool:
    if x.ndim != 4 or kernel.ndim != 4 or x.dtype != kernel.dtype or groups < 1:
        return False
    return x.shape[3] == kernel.shape[2] * groups and kernel.shape[3] % groups == 0


def _is_narrow(shape: tuple[int, ...], kernel_shape: tuple[int, ...]) -> bool:
    """Few channels and a small image."""
    _, width, channels, outputs = kernel_shape
    return channels < 8 and outputs <= 16 and shape[2] <= _WIDEST_ROW * width


def _on_cpu(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """The rules; each names what it gains over XLA's own convolution on two cores."""
    if x.dtype in (jnp.bfloat16, jnp.float16):
        return _on_cpu(x.astype(jnp.float32), kernel.astype(jnp.float32), window, groups).astype(x.dtype)
    height, width, channels, outputs = kernel.shape
    if groups == 1 and _is_disjoint(x.shape, kernel.shape, window):
        return disjoint(x, kernel, window)
    if groups > 1 and channels == 1 and height * width <= _MOST_TAPS:  # 10 to 100x
        return _convolve(jnp.repeat(x, outputs // groups, axis=3), kernel, DEPTHWISE, window, outputs)
    if groups > 1:  # 1 to 3x forward, the weight gradient 200x
        return _convolve(x, kernel, GROUPED, window, groups)
    if _is_narrow(x.shape, kernel.shape):  # LeNet-5's step 2x
        return toeplitz(x, kernel, window)
    return dense(x, kernel, window)


def _convolve(x: jax.Array, kernel: jax.Array, products: Products, window: Window, groups: int) -> jax.Array:
    # Inside shard_map a replicated kernel meets a sharded x, and custom_vjp wants each gradient sharded as its operand.
    # With the other's zero added both are sharded, and the transpose of that sum is the psum.
    of_x, of_kernel = jnp.zeros_like(x, shape=()), jnp.zeros_like(kernel, shape=())
    if jax.typeof(of_x) != jax.typeof(of_kernel):
        x, kernel = x + of_kernel, kernel + of_x
    return _products(x, kernel, products, window, groups)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _products(x: jax.Array, kernel: jax.Array, products: Products, window: Window, groups: int) -> jax.Array:
    return traced_once(products.forward, x, kernel, statics=(window, groups))


def _products_forward(x, kernel, products, window, groups):  # type: ignore[no-untyped-def]
    return traced_once(products.forward, x, kernel, statics=(window, groups)), (x, kernel)


def _products_backward(products, window, groups, operands, dy):  # type: ignore[no-untyped-def]
    x, kernel = operands
    dx = traced_once(products.input_gradient, dy, kernel, statics=(x.shape, window, groups))
    return dx, traced_once(products.weight_gradient, x, dy, statics=(kernel.shape, window, groups))


_products.defvjp(_products_forward, _products_backward)


def dense(x: jax.Array, kernel: jax.Array, window: Window, groups: int = 1) -> jax.Array:
    """XLA's own convolution."""
    return lax.conv_general_dilated(
        x,
        kernel,
        window.stride,
        window.padding,
        rhs_dilation=window.dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def _output_size(shape: tuple[int, ...], taps: tuple[int, ...], window: Window) -> tuple[int, int]:
    rows, columns = (
        (size + low + high - (tap - 1) * dilation - 1) // stride + 1
        for size, tap, stride, (low, high), dilation in zip(shape[1:3], taps, *window, strict=False)
    )
    return rows, columns


def _pad(x: jax.Array, padding: Sequence[tuple[int, int]]) -> jax.Array:
    """`x` with zeros around its rows and columns; a negative number crops."""
    if not any(map(any, padding)):
        return x
    if leaves_jax():
        grown = jnp.pad(x, ((0, 0), *((max(low, 0), max(high, 0)) for low, high in padding), (0, 0)))
        (top, bottom), (left, right) = (
            (max(-low, 0), size - max(-high, 0)) for (low, high), size in zip(padding, grown.shape[1:3], strict=True)
        )
        return grown[:, top:bottom, left:right]
    edges = [(0, 0), *padding, (0, 0)]
    return lax.pad(x, jnp.zeros((), x.dtype), [(low, high, 0) for low, high in edges])


# Windows that do not overlap: 1x1, patches, a kernel as large as the image. One matrix product, and so its gradients.


def _is_disjoint(shape: tuple[int, ...], kernel_shape: tuple[int, ...], window: Window) -> bool:
    size = _output_size(shape, kernel_shape[:2], window)
    steps = zip(size, kernel_shape, window.stride, window.dilation, strict=False)
    return all(
        (taps <= stride or count == 1) and (dilation == 1 or taps == 1) for count, taps, stride, dilation in steps
    )


def disjoint(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """The convolution of windows that do not overlap, as one matrix product."""
    height, width, channels, _ = kernel.shape
    rows, columns = _output_size(x.shape, kernel.shape[:2], window)
    down = height if rows == 1 else window.stride[0]
    right = width if columns == 1 else window.stride[1]
    (top, _), (left, _) = window.padding
    ends = ((top, rows * down - x.shape[1] - top), (left, columns * right - x.shape[2] - left))
    x = _pad(x, ends).reshape(x.shape[0], rows, down, columns, right, channels)[:, :, :height, :, :width]
    return jnp.einsum("nhawbc,abco->nhwo", x, kernel)


# One input channel a group: shifted multiply-adds.


def _taps(x: jax.Array, taps: tuple[int, ...], window: Window) -> Iterator[jax.Array]:
    """For each place in the kernel, row by row, the (N, H', W', C) that it sees."""
    rows, columns = _output_size(x.shape, taps, window)
    (down, right), (below, beside) = window.stride, window.dilation
    x = _pad(x, window.padding)
    for top in range(0, taps[0] * below, below):
        for left in range(0, taps[1] * beside, beside):
            bottom, end = top + (rows - 1) * down + 1, left + (columns - 1) * right + 1
            yield x[:, top:bottom:down, left:end:right]


def shifts(x: jax.Array, kernel: jax.Array, window: Window, groups: int = 0) -> jax.Array:
    """The depthwise convolution, (kh, kw, 1, C), as a sum of shifted images, each times its weights."""
    height, width, _, channels = kernel.shape
    images = _taps(x, (height, width), window)
    return sum(
        (image * weights for image, weights in zip(images, kernel.reshape(-1, channels), strict=True)),
        start=jnp.zeros((), x.dtype),
    )


def _transposed(
    convolve: Callable[[jax.Array, jax.Array, Window], jax.Array],
    dy: jax.Array,
    kernel: jax.Array,
    shape: tuple[int, ...],
    window: Window,
) -> jax.Array:
    """The input gradient (N, H, W, C), `shape`, of `dy` (N, H', W', O) and a kernel (kh, kw, C / groups, O).

    `convolve(dy, taps, how they move)` is the convolution with some of the kernel's taps, which are flipped already.

    Only every stride-th tap meets a pixel, and which these are is the pixel's place in a stride's step. So it is a
    convolution for each place, side by side. One of `dy` with zeros in the strides' gaps is 1.5 to 3 times slower.
    """
    (down, right), padding, dilation = window
    if max(down, right) > 1 and max(dilation) > 1:
        kernel = lax.pad(
            kernel, jnp.zeros((), kernel.dtype), [*((0, 0, gap - 1) for gap in dilation), *[(0, 0, 0)] * 2]
        )
        dilation = (1, 1)
    (top, _), (left, _) = padding
    tops, lefts = _steps(shape[1], down, top), _steps(shape[2], right, left)

    def pixels(row: int, column: int) -> jax.Array:
        taps = kernel[row::down, column::right][::-1, ::-1]
        if not taps.size:
            return jnp.zeros_like(dy, shape=(shape[0], len(tops), len(lefts), shape[3]))
        ends = [
            ((number - 1) * gap - steps.start, steps.stop - given)
            for number, gap, steps, given in zip(taps.shape, dilation, (tops, lefts), dy.shape[1:3], strict=False)
        ]
        return convolve(dy, taps, Window((1, 1), (ends[0], ends[1]), dilation))

    rows = [jnp.stack([pixels(row, column) for column in range(right)], axis=3) for row in range(down)]
    whole = jnp.stack(rows, axis=2).reshape(shape[0], len(tops) * down, len(lefts) * right, shape[3])
    ends = [
        (steps.start * stride - low, size + low - steps.stop * stride)
        for steps, stride, size, low in zip((tops, lefts), (down, right), shape[1:3], (top, left), strict=True)
    ]
    return _pad(whole, ends)


def _steps(size: int, stride: int, low: int) -> range:
    """Where an image of `size` pixels lies, in steps of the stride from an edge that is `low` pixels before it."""
    return range(low // stride, -(-(size + low) // stride))


def _shifts_input_gradient(
    dy: jax.Array, kernel: jax.Array, shape: tuple[int, ...], window: Window, groups: int
) -> jax.Array:
    # The transpose that autodiff finds pads each product before it adds: 6 times slower for 7x7.
    return _transposed(shifts, dy, kernel, shape, window)


def _shifts_weight_gradient(
    x: jax.Array, dy: jax.Array, shape: tuple[int, ...], window: Window, groups: int
) -> jax.Array:
    """Row by row of `dy`, a sum kept for every column: a reduction for each tap reads all of both, 8 times slower."""
    height, width, _, channels = shape
    count, rows, columns, _ = dy.shape
    (down, right), (below, beside) = window.stride, window.dilation
    x = _pad(x, window.padding)

    def add_row(sums: tuple[jax.Array, ...], index: jax.Array) -> tuple[tuple[jax.Array, ...], None]:
        number, row = index // rows, index % rows
        span = (1, (height - 1) * below + 1, *x.shape[2:])
        seen = lax.dynamic_slice(x, (number, row * down, 0, 0), span)[0, ::below]
        cotangent = lax.dynamic_slice(dy, (number, row, 0, 0), (1, 1, columns, channels))[0]
        lefts = range(0, width * beside, beside)
        shifted = (seen[:, left : left + (columns - 1) * right + 1 : right] for left in lefts)
        return tuple(total + image * cotangent for total, image in zip(sums, shifted, strict=True)), None

    zeros = (jnp.zeros_like(dy, shape=(height, columns, channels)),) * width
    sums, _ = lax.scan(add_row, zeros, jnp.arange(count * rows))
    return jnp.stack([total.sum(1) for total in sums], axis=1).reshape(shape)


DEPTHWISE = Products(shifts, _shifts_input_gradient, _shifts_weight_gradient)


# Several channels a group: a loop of dense convolutions, one body to compile.


def _group(x: jax.Array, index: jax.Array, groups: int) -> jax.Array:
    size = x.shape[3] // groups
    return lax.dynamic_slice_in_dim(x, index * size, size, axis=3)


def _map_groups(product: Callable[[jax.Array], jax.Array], groups: int) -> jax.Array:
    """The groups' results, side by side along the last axis."""
    results = jnp.moveaxis(lax.map(product, jnp.arange(groups)), 0, 3)
    return results.reshape(*results.shape[:3], -1)


def _join(kernel: jax.Array, groups: int) -> tuple[jax.Array, int]:
    """A kernel (kh, kw, C / groups, O) and the number of groups; where these have few channels, neighbours are joined.

    Zeros stand between them. Twice the multiplications, in a third of the time where 4 channels become 8. What is not
    finite spreads over them.
    """
    height, width, channels, outputs = kernel.shape
    size = min(channels, outputs // groups)
    count = next((n for n in range(1, 5) if groups % n == 0 and n * size >= _FEWEST_OF_A_GROUP), 1)
    apart = kernel.reshape(height, width, channels, groups // count, count, -1)
    joined = jnp.einsum("hwcgno,nm->hwmcgno", apart, jnp.eye(count, dtype=kernel.dtype))
    return joined.reshape(height, width, count * channels, outputs), groups // count


def loop(x: jax.Array, kernel: jax.Array, window: Window, groups: int) -> jax.Array:
    """The grouped convolution, a dense one for each group, or few of them."""
    kernel, groups = _join(kernel, groups)
    return _map_groups(lambda g: dense(_group(x, g, groups), _group(kernel, g, groups), window), groups)


def _loop_input_gradient(
    dy: jax.Array, kernel: jax.Array, shape: tuple[int, ...], window: Window, groups: int
) -> jax.Array:
    kernel, groups = _join(kernel, groups)

    def convolve(dy: jax.Array, taps: jax.Array, window: Window) -> jax.Array:
        return _map_groups(
            lambda g: dense(_group(dy, g, groups), _group(taps, g, groups).swapaxes(2, 3), window), groups
        )

    return _transposed(convolve, dy, kernel, shape, window)


def _loop_weight_gradient(
    x: jax.Array, dy: jax.Array, shape: tuple[int, ...], window: Window, groups: int
) -> jax.Array:
    """`x` convolved with `dy` over the batch: stride and dilation change places."""
    swapped = Window(window.dilation, ((0, 0), (0, 0)), window.stride)
    x = _pad(x, window.padding)

    def gradient(g: jax.Array) -> jax.Array:
        images = _group(x, g, groups).transpose(3, 1, 2, 0)
        cotangents = _group(dy, g, groups).transpose(1, 2, 0, 3)
        # A stride that leaves a rest gives more rows than the kernel has.
        return dense(images, cotangents, swapped)[:, : shape[0], : shape[1]].transpose(1, 2, 0, 3)

    return _map_groups(gradient, groups)


GROUPED = Products(loop, _loop_input_gradient, _loop_weight_gradient)


# Few channels, small image: pieces of image rows times a banded matrix.


def toeplitz(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """The convolution as one product of pieces of image rows with the kernel's rows laid along the diagonals of a band.

    `x` is (N, H, W, C), the kernel (kh, kw, C, O), the result (N, H', W', O). A piece is what about kw columns of
    the output see: twice the multiplications of the convolution, in matrices that are wide where C and O are small.
    What is not finite spreads over its piece.
    """
    rows, columns = _output_size(x.shape, kernel.shape[:2], window)
    (down, right), (below, beside) = window.stride, window.dilation
    count, height, taps, outputs = x.shape[0], *kernel.shape[:2], kernel.shape[3]
    size = next((size for size in range(taps, taps // 2, -1) if columns % size == 0), taps)  # columns of a piece
    pieces, width = -(-columns // size), (size - 1) * right + (taps - 1) * beside + 1
    (ends, (left, _)), seen_columns = window.padding, (pieces - 1) * size * right + width
    x = _pad(x, (ends, (left, seen_columns - left - x.shape[2])))
    images = [x[:, top : top + (rows - 1) * down + 1 : down] for top in range(0, height * below, below)]
    lefts = range(0, pieces * size * right, size * right)
    seen = [
        jnp.stack([image[:, :, left : left + width].reshape(count, rows, -1) for left in lefts], axis=2)
        for image in images
    ]
    tap, place, column = np.ogrid[:taps, :width, :size]
    diagonals = jnp.asarray(place == column * right + tap * beside, kernel.dtype)
    band = jnp.einsum("itco,twv->iwcvo", kernel, diagonals).reshape(-1, size * outputs)
    return (jnp.concatenate(seen, axis=3) @ band).reshape(count, rows, pieces * size, outputs)[:, :, :columns]
