from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.convert import export_state_dict
from jaxcls.errors import UserError
from jaxcls.models import build_classifier
from jaxcls.models.layers import BatchNorm, Conv, LayerScale, Linear
from jaxcls.models.layers.initializers import trunc_normal
from tests.models.initial import initial


class Inner(nn.Module):
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x):
        x = BatchNorm(name="bn")(Conv(64, 3, name="conv")(x))
        return Linear(64, name="fc")(x)


class Outer(nn.Module):
    init_cfg: Any = None
    inner_cfg: Any = None

    @nn.compact
    def __call__(self, x):
        return Inner(self.inner_cfg, name="inner")(x)


X = np.zeros((1, 4, 4, 32), np.float32)


def params(init_cfg=None, inner_cfg=None):
    return Outer(init_cfg, inner_cfg).init(jax.random.key(0), X)["params"]["inner"]


def test_pytorchs_defaults_without_init_cfg():
    made = params()
    bound = 1 / math.sqrt(9 * 32)
    for leaf in (made["conv"]["kernel"], made["conv"]["bias"]):
        assert np.abs(leaf).max() <= bound
    assert np.std(made["conv"]["kernel"]) == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert np.all(made["bn"]["scale"] == 1)


@pytest.mark.parametrize(
    ("entry", "std"),
    [
        ({"type": "Normal", "std": 0.3}, 0.3),
        ({"type": "TruncNormal", "std": 0.3}, 0.3),
        ({"type": "TruncNormal", "std": 1.0, "a": -1.0, "b": 1.0}, 0.539),
        ({"type": "Uniform", "a": -1.0, "b": 1.0}, 1 / math.sqrt(3)),
        ({"type": "Xavier"}, math.sqrt(2 / (9 * 32 + 9 * 64))),
        ({"type": "Xavier", "distribution": "uniform", "gain": 2.0}, 2 * math.sqrt(2 / (9 * 32 + 9 * 64))),
        ({"type": "Kaiming"}, math.sqrt(2 / (9 * 64))),
        ({"type": "Kaiming", "mode": "fan_in", "nonlinearity": "leaky_relu", "a": 1.0}, math.sqrt(1 / (9 * 32))),
        ({"type": "Caffe2Xavier"}, math.sqrt(1 / (9 * 32))),
    ],
)
def test_kinds(entry, std):
    made = params({**entry, "layer": "Conv2d", "bias": 0.5})
    assert np.std(made["conv"]["kernel"]) == pytest.approx(std, rel=0.02)
    assert np.all(made["conv"]["bias"] == 0.5)


@pytest.mark.parametrize(
    ("init_cfg", "factor"), [(None, 0.1), ({"type": "Constant", "layer": ["LayerScale"], "val": 2}, 2)]
)
def test_learnt_factors(init_cfg, factor):
    class Scaled(nn.Module):
        init_cfg: Any

        @nn.compact
        def __call__(self, x):
            return LayerScale(0.1)(x)

    np.testing.assert_allclose(Scaled(init_cfg).init_with_output(jax.random.key(0), X + 1)[0], factor)


def test_truncated_normals_never_fall_on_a_far_bound():
    draws = trunc_normal(std=0.02)(jax.random.key(0), (4096, 4096))
    assert np.abs(draws).max() < 0.02 * 5.5


def test_the_nearest_and_the_last_entry_win():
    outer = {"type": "Constant", "val": 1.0, "layer": ["Conv2d", "Linear"]}
    inner = [
        {"type": "Constant", "val": 2.0, "layer": "Linear"},
        {"type": "Constant", "val": 3.0, "layer": "Linear", "override": {"type": "Constant", "val": 4.0, "name": "fc"}},
    ]
    made = params(outer, inner)
    assert np.all(made["conv"]["kernel"] == 1.0)
    assert np.all(made["fc"]["kernel"] == 4.0)


def test_bias_prob():
    made = params({"type": "Constant", "val": 0, "layer": "Linear", "bias_prob": 0.01})
    np.testing.assert_allclose(made["fc"]["bias"], -math.log(99), rtol=1e-6)


def test_messages():
    with pytest.raises(UserError, match="init_cfg: type 'Kaimng'; did you mean 'Kaiming'"):
        params({"type": "Kaimng", "layer": "Conv2d"})
    with pytest.raises(UserError, match="Kaiming mode 'fan'"):
        params({"type": "Kaiming", "mode": "fan", "layer": "Conv2d"})
    with pytest.raises(UserError, match=r"Normal: .*'sdt'"):
        params({"type": "Normal", "sdt": 1.0, "layer": "Conv2d"})


_INIT = Path(__file__).parents[2] / "golden" / "init"
_QUICK = ("lenet5", "resnet18_cifar", "deit_tiny_distilled")
_SLOW = sorted({path.stem for path in _INIT.glob("*.json")} - {*_QUICK})


@pytest.mark.parametrize("name", [*_QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in _SLOW)])
def test_the_originals_initial_weights(name):
    data = json.loads((_INIT / f"{name}.json").read_text())
    made = build_classifier(data["model"])
    images = jax.ShapeDtypeStruct((1, *data["image_shape"]), jnp.float32)
    actual = export_state_dict(made, initial(made, images))
    for tensor, (mean, std, low, high, size) in data["tensors"].items():
        values = actual[tensor].astype(np.float64)
        assert values.size == size, tensor
        if low == high:
            np.testing.assert_allclose(values, mean, rtol=1e-3, atol=1e-6, err_msg=tensor)
        elif size >= 256:
            assert values.std() == pytest.approx(std, rel=0.05 + 5 / math.sqrt(size)), tensor
            assert abs(values.mean() - mean) < 8 * std / math.sqrt(size), tensor
            # Of thousands of tensors' extremes some lie far out.
            assert low - 2 * std < values.min() < values.max() < high + 2 * std, tensor


def test_numpys_draws_are_distributed_as_jaxs():
    made = build_classifier(json.loads((_INIT / "lenet5.json").read_text())["model"])
    images = jnp.zeros((1, 32, 32, 1))
    expected, found = jax.jit(made.init)(jax.random.key(0), images), initial(made, images)
    assert jax.tree.structure(dict(expected)) == jax.tree.structure(found)
    for a, b in zip(jax.tree.leaves(expected), jax.tree.leaves(found), strict=True):
        assert np.std(b) == pytest.approx(float(np.std(a)), rel=0.05 + 5 / math.sqrt(a.size))
