"""Every form of the convolution gives XLA's values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax import lax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from jaxcls.models.layers import conv2d as forms
from jaxcls.models.layers.conv2d import Window, conv2d

# One shape for each rule of the choice: x, kernel, stride, padding, groups.
RULES = {
    "pointwise": ((2, 6, 5, 9), (1, 1, 9, 4), (1, 1), ((0, 0), (0, 0)), 1),
    "pointwise, stride": ((2, 7, 6, 9), (1, 1, 9, 4), (2, 2), ((0, 0), (0, 0)), 1),
    "patches": ((2, 9, 8, 3), (4, 4, 3, 5), (4, 4), ((0, 0), (0, 0)), 1),
    "whole image": ((2, 5, 5, 8), (5, 5, 8, 4), (1, 1), ((0, 0), (0, 0)), 1),
    "depthwise": ((2, 8, 7, 6), (3, 3, 1, 6), (2, 2), ((1, 1), (1, 1)), 6),
    "depthwise, multiplier": ((2, 8, 7, 3), (3, 3, 1, 6), (1, 1), ((1, 1), (1, 1)), 3),
    "grouped": ((2, 8, 7, 6), (3, 3, 3, 4), (2, 2), ((1, 1), (1, 1)), 2),
    "few channels": ((2, 8, 9, 2), (3, 3, 2, 4), (1, 1), ((1, 0), (0, 1)), 1),
    "dense": ((2, 8, 7, 9), (3, 3, 9, 4), (1, 1), ((1, 1), (1, 1)), 1),
}


def reference(x, kernel, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    return lax.conv_general_dilated(
        x,
        kernel,
        stride,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def arrays(*shapes, dtype=np.float32):
    generator = np.random.default_rng(0)
    return [jnp.asarray(generator.standard_normal(shape), dtype) for shape in shapes]


def values_and_gradients(function, x, kernel):
    y, gradients = jax.vjp(function, x, kernel)
    (dy,) = arrays(y.shape, dtype=y.dtype)
    return y, *gradients(dy)


def compared(one, other, x, kernel):
    """Values and gradients of both, from one program."""
    return jax.jit(lambda *operands: [values_and_gradients(function, *operands) for function in (one, other)])(
        x, kernel
    )


def assert_close(got, wanted, tolerance=1e-5):
    for one, other in zip(got, wanted, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(np.abs(other).max(), 1e-30))


def assert_like_xla(x_shape, kernel_shape, *window, function=conv2d):
    operands = arrays(x_shape, kernel_shape)
    assert_close(*compared(lambda a, b: function(a, b, *window), lambda a, b: reference(a, b, *window), *operands))


def assert_rounded(x_shape, kernel_shape, *window, dtype):
    """Values and gradients in half precision are float32's, rounded."""

    def rounded(x, kernel):
        wide = (operand.astype(jnp.float32) for operand in (x, kernel))
        return reference(*wide, *window).astype(dtype)

    both = compared(lambda a, b: conv2d(a, b, *window), rounded, *arrays(x_shape, kernel_shape, dtype=dtype))
    assert_close(*both, tolerance=float(jnp.finfo(dtype).eps))


@st.composite
def convolutions(draw):
    def pair(low, high):
        return st.tuples(st.integers(low, high), st.integers(low, high))

    groups = draw(st.sampled_from([1, 1, 2, 3, 5]))
    channels, outputs = draw(st.sampled_from([1, 1, 2, 9])), draw(st.integers(1, 3))
    kernel, stride, dilation = draw(pair(1, 7)), draw(pair(1, 3)), draw(pair(1, 2))
    padding = (draw(pair(0, 3)), draw(pair(0, 3)))
    size = draw(pair(1, 12))
    for length, taps, pad, step in zip(size, kernel, padding, dilation, strict=True):
        assume(length + sum(pad) >= (taps - 1) * step + 1)
    x_shape = (draw(st.integers(1, 2)), *size, channels * groups)
    return x_shape, (*kernel, channels, outputs * groups), stride, padding, dilation, groups


@settings(max_examples=25, deadline=None, derandomize=True)
@given(convolutions(), st.sampled_from([jnp.float32, jnp.float32, jnp.bfloat16, jnp.float16]))
def test_any_convolution_is_xlas(convolution, dtype):
    if dtype == jnp.float32:
        assert_like_xla(*convolution)
    else:
        assert_rounded(*convolution, dtype=dtype)


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_xlas(rule):
    x, kernel, stride, padding, groups = RULES[rule]
    assert_like_xla(x, kernel, stride, padding, (1, 1), groups)


@pytest.mark.parametrize(
    ("rule", "form"),
    [
        ("pointwise, stride", "disjoint"),
        ("patches", "disjoint"),
        ("whole image", "disjoint"),
        ("few channels", "toeplitz"),
        ("dense", "dense"),
    ],
)
def test_a_shape_takes_its_form(rule, form, monkeypatch):
    monkeypatch.setattr(forms, form, lambda *arguments: form)
    x, kernel, stride, padding, groups = RULES[rule]
    assert conv2d(*arrays(x, kernel), stride, padding, groups=groups) == form


@pytest.mark.parametrize(
    ("rule", "products"),
    [("depthwise", forms.DEPTHWISE), ("depthwise, multiplier", forms.DEPTHWISE), ("grouped", forms.GROUPED)],
)
def test_a_shape_takes_its_products(rule, products, monkeypatch):
    monkeypatch.setattr(forms, "_convolve", lambda x, kernel, products, window, groups: products)
    x, kernel, stride, padding, groups = RULES[rule]
    assert conv2d(*arrays(x, kernel), stride, padding, groups=groups) is products


@pytest.mark.parametrize("function", [forms.shifts, forms.toeplitz, forms.loop])
def test_forms_outside_their_rules(function):
    window = Window((2, 1), ((3, 1), (0, 2)), (1, 2))
    groups = 4 if function is forms.shifts else 1
    arguments = (window,) if function is forms.toeplitz else (window, groups)
    x, kernel = arrays((2, 11, 30, 4), (5, 3, 4 // groups, 4))
    assert_close(
        *compared(lambda a, b: function(a, b, *arguments), lambda a, b: reference(a, b, *window, groups), x, kernel)
    )


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("columns", [1, 2, 7, 9, 10])  # in pieces of 3, 2, 3 with 2 that are missing, 3 and 2
def test_pieces_of_rows(columns, stride):
    window = Window((1, stride), ((0, 0), (0, 0)), (1, 1))
    x, kernel = arrays((2, 4, (columns - 1) * stride + 3, 2), (2, 3, 2, 4))
    ours, theirs = compared(lambda a, b: forms.toeplitz(a, b, window), lambda a, b: reference(a, b, *window), x, kernel)
    assert ours[0].shape[2] == columns
    assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("rule", RULES)
def test_half_precision_is_float32_rounded(rule, dtype):
    x, kernel, stride, padding, groups = RULES[rule]
    assert_rounded(x, kernel, stride, padding, (1, 1), groups, dtype=dtype)


@pytest.mark.parametrize("rule", ["pointwise, stride", "depthwise, multiplier", "grouped", "few channels"])
def test_transformations(rule):
    x, kernel, stride, padding, groups = RULES[rule]
    x, kernel = arrays(x, kernel)

    def loss(kernel, x):
        return jnp.square(conv2d(x, kernel, stride, padding, groups=groups)).mean()

    def plain(kernel, x):
        return jnp.square(reference(x, kernel, stride, padding, groups=groups)).mean()

    def mean(kernel, x):
        return lax.pmean(loss(kernel, x), "batch")

    mesh = Mesh(np.array(jax.devices()[:2]), ("batch",))
    sharded = jax.shard_map(jax.grad(mean), mesh=mesh, in_specs=(P(), P("batch")), out_specs=P())

    @jax.jit
    def gradients(kernel, x):
        return (
            jax.grad(plain)(kernel, x),
            jax.grad(jax.checkpoint(loss))(kernel, x),
            jax.vmap(jax.grad(loss), (None, 0))(kernel, x[:, None]).mean(0),
            jax.vmap(jax.grad(loss), (0, None))(jnp.stack([kernel, 2 * kernel]), x)[0],
        )

    wanted, *got = *gradients(kernel, x), jax.jit(sharded)(kernel, x)
    assert_close(got, [wanted] * len(got))


@pytest.mark.parametrize(
    ("x", "kernel", "groups"),
    [((1, 4, 4, 3), (3, 3, 4, 8), 1), ((1, 4, 4, 4), (3, 3, 2, 3), 2), ((1, 4, 4), (3, 3, 4, 8), 1)],
)
def test_shapes_that_do_not_fit_are_refused(x, kernel, groups):
    with pytest.raises((TypeError, ValueError)):
        conv2d(*arrays(x, kernel), groups=groups)
