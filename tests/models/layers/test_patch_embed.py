from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxcls.errors import UserError
from jaxcls.models.layers import PatchEmbed, PatchMerging


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def parameters(layer, x):
    """Values for all of a layer's parameters: drawing them in NumPy saves the compilation of its initialisers."""
    shapes = jax.eval_shape(layer.init, jax.random.key(0), x)["params"]
    return jax.tree.map(lambda leaf: 0.5 * normal(*leaf.shape, seed=leaf.size), shapes)


def assert_same_both_directions(ours, theirs, *arguments):
    places = tuple(range(len(arguments)))
    found, expected = (
        jax.jit(jax.value_and_grad(lambda *xs, f=f: jnp.sum(jnp.sin(f(*xs))), argnums=places))(*arguments)
        for f in (ours, theirs)
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), 1.0)


def layer_norm(params, x):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(var + 1e-5) * params["scale"] + params["bias"]


# image, arguments, the padding that makes the last window whole
CASES = [
    ((8, 12), {"kernel_size": 4}, ((0, 0), (0, 0))),
    ((8, 12), {"kernel_size": (4, 6), "norm_cfg": {"type": "LN"}}, ((0, 0), (0, 0))),
    ((7, 10), {"kernel_size": 4}, ((0, 1), (0, 2))),
    ((5, 6), {"kernel_size": 4, "padding": "same"}, ((1, 2), (1, 1))),
    ((9, 9), {"kernel_size": 7, "stride": 4, "padding": 2}, ((2, 2), (2, 2))),
    ((9, 11), {"kernel_size": 3, "stride": 2, "padding": "same"}, ((1, 1), (1, 1))),
    ((9, 8), {"kernel_size": 3, "stride": 3, "dilation": 2, "bias": False}, ((0, 2), (0, 3))),
]


@pytest.mark.parametrize(("size", "arguments", "padding"), CASES)
def test_patch_embed_is_a_convolution(size, arguments, padding):
    layer = PatchEmbed(embed_dims=6, **arguments)
    x = normal(2, *size, 3)
    params = parameters(layer, x)
    kernel, dilation = params["projection"]["kernel"], arguments.get("dilation", 1)
    stride = arguments.get("stride", kernel.shape[:2])

    def plain(params, x):
        y = lax.conv_general_dilated(
            x,
            params["projection"]["kernel"],
            np.broadcast_to(stride, 2),
            padding,
            rhs_dilation=(dilation, dilation),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        y = y + params["projection"].get("bias", 0.0)
        return layer_norm(params["norm"], y) if "norm" in params else y

    assert layer.resolution(size) == jax.eval_shape(plain, params, x).shape[1:3]
    assert_same_both_directions(lambda params, x: layer.apply({"params": params}, x), plain, params, x)


def unfold(x, kernel, stride, padding, dilation):
    """torch.nn.Unfold, a loop over the windows."""
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    reach = (kernel - 1) * dilation + 1
    rows, columns = (range(0, length - reach + 1, stride) for length in x.shape[1:3])

    def window(top, left):
        pixels = x[:, top : top + reach : dilation, left : left + reach : dilation]
        return pixels.transpose(0, 3, 1, 2).reshape(len(x), -1)

    return jnp.stack([jnp.stack([window(top, left) for left in columns], 1) for top in rows], 1)


@pytest.mark.parametrize(
    ("size", "arguments", "padding"),
    [
        ((4, 6), {}, ((0, 0), (0, 0))),
        ((5, 7), {}, ((0, 1), (0, 1))),
        ((6, 7), {"kernel_size": 3, "stride": 2, "padding": 1, "bias": True}, ((1, 1), (1, 1))),
        ((6, 6), {"kernel_size": 2, "stride": 2, "dilation": 2, "norm_cfg": None}, ((0, 1), (0, 1))),
    ],
)
def test_patch_merging_unfolds_norms_and_projects(size, arguments, padding):
    layer = PatchMerging(out_channels=7, **arguments)
    x = normal(2, *size, 3)
    params = parameters(layer, x)
    kernel, dilation = arguments.get("kernel_size", 2), arguments.get("dilation", 1)

    def plain(params, x):
        y = unfold(x, kernel, arguments.get("stride", kernel), padding, dilation)
        y = layer_norm(params["norm"], y) if "norm" in params else y
        return y @ params["reduction"]["kernel"] + params["reduction"].get("bias", 0.0)

    assert ("bias" in params["reduction"]) is arguments.get("bias", False)
    assert_same_both_directions(lambda params, x: layer.apply({"params": params}, x), plain, params, x)


def test_unknown_padding():
    with pytest.raises(UserError, match="padding='valid'; allowed: corner, same"):
        PatchEmbed(embed_dims=4, padding="valid")
