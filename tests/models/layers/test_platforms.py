"""The form of a convolution is chosen where the program runs, not where it is traced."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from jaxcls.models.layers.conv2d import conv2d

CASES = {
    "depthwise": ((1, 16, 16, 8), (3, 3, 1, 8), 8),
    "grouped": ((1, 16, 16, 8), (3, 3, 4, 8), 2),
    "narrow": ((1, 16, 16, 1), (5, 5, 1, 6), 1),
    "dense": ((1, 16, 16, 16), (3, 3, 16, 16), 1),
}


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("name", CASES)
def test_other_platforms_get_xla_s_own(name, dtype):
    shape, kernel, groups = CASES[name]
    arguments = [jax.ShapeDtypeStruct(s, dtype) for s in (shape, kernel)]

    def loss(x, k):
        return jnp.sum(conv2d(x, k, (1, 1), ((1, 1), (1, 1)), (1, 1), groups).astype(jnp.float32) ** 2)

    lowered = {}
    for platform in ("cuda", "tpu", "cpu"):
        exported = jax.export.export(jax.jit(jax.value_and_grad(loss, (0, 1))), platforms=[platform])(*arguments)
        lowered[platform] = exported.mlir_module()
    for platform in ("cuda", "tpu"):
        text = lowered[platform]
        assert text.count("stablehlo.convolution") == 3, platform  # forward and two gradients
        assert "stablehlo.while" not in text
    own = lowered["cpu"].count("stablehlo.convolution")
    assert own == 3 if name == "dense" else own != 3 or "stablehlo.while" in lowered["cpu"]
