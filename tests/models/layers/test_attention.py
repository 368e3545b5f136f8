from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models.layers import MultiheadAttention, attention
from jaxcls.models.layers.attention import _has_fused_kernel


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def parameters(layer, x):
    """Values for all of a layer's parameters: drawing them in NumPy saves the compilation of its initialisers."""
    shapes = jax.eval_shape(layer.init, jax.random.key(0), x)["params"]
    return jax.tree.map(lambda leaf: 0.5 * normal(*leaf.shape, seed=leaf.size), shapes)


def plain_attention(query, key, value, bias=0.0, scale=None):
    logits = jnp.einsum("nlhd,nshd->nhls", query, key) * (scale or query.shape[-1] ** -0.5) + bias
    weights = jnp.exp(logits) / jnp.sum(jnp.exp(logits), -1, keepdims=True)
    return jnp.einsum("nhls,nshd->nlhd", weights, value)


def assert_same_both_directions(ours, theirs, *arguments):
    places = tuple(range(len(arguments)))
    found, expected = (
        jax.jit(jax.value_and_grad(lambda *xs, f=f: jnp.sum(jnp.sin(f(*xs))), argnums=places))(*arguments)
        for f in (ours, theirs)
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), 1.0)


def operands():
    query, key, value = normal(3, 2, 5, 4, 8)
    return query, key, value, normal(1, 4, 5, 5, seed=1)


@pytest.mark.parametrize("dropout", [None, lambda weights: weights])
@pytest.mark.parametrize("scale", [None, 0.7])
def test_is_its_definition_both_directions(scale, dropout):
    def ours(query, key, value, bias):
        return attention(query, key, value, bias, scale, dropout)

    assert_same_both_directions(ours, lambda q, k, v, b: plain_attention(q, k, v, b, scale), *operands())
    assert_same_both_directions(
        lambda q, k, v: attention(q, k, v, scale=scale, dropout=dropout),
        lambda q, k, v: plain_attention(q, k, v, scale=scale),
        *operands()[:3],
    )


def test_dropout_is_of_the_weights():
    query, key, value, _ = operands()
    assert np.all(attention(query, key, value, dropout=jnp.zeros_like) == 0)


@pytest.mark.parametrize("dropout", [None, lambda weights: weights])
def test_softmax_is_float32_in_bfloat16(dropout):
    # A sum of 1024 ones in bfloat16 would end at 256.
    query, value = jnp.zeros((1, 1024, 1, 8), jnp.bfloat16), jnp.ones((1, 1024, 1, 8), jnp.bfloat16)
    y = attention(query, query, value, dropout=dropout)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(y.astype(np.float32), 1.0, rtol=1e-2)


@pytest.mark.parametrize(
    ("backend", "capability", "dtype", "head_dim", "expected"),
    [
        ("gpu", "9.0", jnp.bfloat16, 64, True),
        ("gpu", "8.0", jnp.float16, 128, True),
        ("gpu", "12.0", jnp.bfloat16, 64, True),
        ("gpu", "7.5", jnp.float16, 64, False),
        ("gpu", "gfx90a", jnp.bfloat16, 64, False),
        ("gpu", "9.0", jnp.float32, 64, False),
        ("gpu", "9.0", jnp.bfloat16, 136, False),
        ("gpu", "9.0", jnp.bfloat16, 20, False),
        ("cpu", "", jnp.bfloat16, 64, False),
        ("tpu", "", jnp.bfloat16, 64, False),
    ],
)
def test_where_the_fused_kernel_is_used(monkeypatch, backend, capability, dtype, head_dim, expected):
    gpus = [SimpleNamespace(compute_capability=capability)] if backend == "gpu" else []
    monkeypatch.setattr(sys.modules[_has_fused_kernel.__module__], "_gpus", lambda: gpus)
    query = jnp.zeros((1, 4, 2, head_dim), dtype)
    assert _has_fused_kernel(query, query, query) is expected
    assert not _has_fused_kernel(query, query, query[..., :8])
    odd = query[:, :3]  # JAX refuses its gradient, as of a ViT's 197 tokens
    assert not _has_fused_kernel(odd, query, query)
    assert not _has_fused_kernel(query, odd, odd)

    used = []

    def platform_dependent(*arguments, default, **others):
        used.extend(form.keywords["implementation"] for form in others.values())
        return default(*arguments)

    monkeypatch.setattr(jax.lax, "platform_dependent", platform_dependent)
    attention(query, query, query)
    assert used == (["cudnn"] if expected else [])
    attention(query, query, query, bias=jnp.zeros((1, 1, 4, 4)))  # the kernel with a bias has no gradient for odd L
    attention(query, query, query, dropout=lambda weights: weights)
    attention(query, query, query, scale=jnp.ones((2, 1, 1)))
    assert len(used) == expected


@pytest.mark.parametrize("qkv_bias", [True, False])
def test_multihead_attention_both_directions(qkv_bias):
    layer = MultiheadAttention(num_heads=4, qkv_bias=qkv_bias)
    x = normal(2, 5, 16)
    params = parameters(layer, x)
    assert ("bias" in params["qkv"]) is qkv_bias

    def plain(params, x):
        qkv = x @ params["qkv"]["kernel"] + params["qkv"].get("bias", 0.0)
        # the projection's outputs are ordered (q, k, v), head, place in the head
        query, key, value = (part.reshape(2, 5, 4, 4) for part in jnp.split(qkv, 3, axis=-1))
        return plain_attention(query, key, value).reshape(x.shape) @ params["proj"]["kernel"] + params["proj"]["bias"]

    assert_same_both_directions(lambda params, x: layer.apply({"params": params}, x), plain, params, x)


def test_dropout_only_in_training():
    layer = MultiheadAttention(num_heads=2, attn_drop=0.5, proj_drop=0.5)
    x = normal(2, 5, 16)
    variables = {"params": parameters(layer, x)}
    rngs = {"dropout": jax.random.key(2)}
    evaluated, trained = layer.apply(variables, x), layer.apply(variables, x, True, rngs=rngs)
    assert 0.3 < np.mean(np.asarray(trained) == 0) < 0.7
    np.testing.assert_array_equal(evaluated, layer.apply(variables, x))
    attn_only = layer.clone(proj_drop=0.0)
    assert not np.allclose(evaluated, attn_only.apply(variables, x, True, rngs=rngs))


def test_heads_must_divide_the_width():
    with pytest.raises(UserError, match="num_heads=3 does not divide the width 16"):
        MultiheadAttention(num_heads=3).init(jax.random.key(0), jnp.zeros((1, 2, 16)))


def test_a_program_for_a_gpu_holds_the_fused_kernel(monkeypatch):
    """Lowered on a machine without one, where JAX is told what a GPU would have answered."""
    kernel = importlib.import_module("jax._src.cudnn.fused_attention_stablehlo")
    gpus = [SimpleNamespace(compute_capability="9.0")]
    monkeypatch.setattr(sys.modules[_has_fused_kernel.__module__], "_gpus", lambda: gpus)
    monkeypatch.setattr(kernel, "check_cudnn_version", lambda: 91000)
    query = jax.ShapeDtypeStruct((1, 8, 2, 64), jnp.bfloat16)

    def program(platform):
        step = jax.jit(jax.grad(lambda q: jnp.sum(attention(q, q, q).astype(jnp.float32))))
        return step.trace(query).lower(lowering_platforms=(platform,)).as_text()

    forward, backward = "__cudnn$fmhaSoftmax", "__cudnn$fmhaSoftmaxBackward"
    assert forward in program("cuda")
    assert backward in program("cuda")
    assert "cudnn" not in program("cpu")
