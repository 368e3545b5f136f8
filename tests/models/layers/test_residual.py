"""The sum of a shortcut and a branch."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.models.layers import residual
from jaxcls.models.layers.platforms import leaving_jax


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_a_sum(dtype):
    """Bit for bit, and so its gradient; what is not finite stays what it is."""
    x, branch, cotangent = jax.random.normal(jax.random.key(0), (3, 2, 5), dtype)
    x = x.at[0, :3].set(jnp.array([jnp.inf, -jnp.inf, jnp.nan], dtype))
    y, transpose = jax.vjp(jax.jit(residual), x, branch)
    np.testing.assert_array_equal(y.astype(jnp.float32), (x + branch).astype(jnp.float32))
    at_ends = transpose(cotangent)
    for gradient in at_ends:
        np.testing.assert_array_equal(gradient[1:], cotangent[1:])
    assert {one.dtype for one in (y, *at_ends)} == {jnp.dtype(dtype)}


def widest(depth):
    """The most operands of a kernel in the gradient of so many blocks."""

    def loss(weights, x):
        for weight in weights:
            norm = x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1)
            x = residual(x, norm @ weight)
        return jnp.sum(x * x)

    arguments = [jnp.ones((32, 32))] * depth, jnp.ones((64, 32))
    text = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(*arguments).compile().as_text()
    return max(operands.count("%") for operands in re.findall(r" fusion\(([^)]*)\), kind", text))


def test_no_kernel_grows_with_the_depth():
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        assert widest(12) == widest(6)


def test_elsewhere_it_is_plain():
    """Another runtime gets an addition."""
    with leaving_jax():
        jaxpr = jax.make_jaxpr(residual)(jnp.ones(2), jnp.ones(2))
    assert [equation.primitive.name for equation in jaxpr.eqns] == ["add"]
