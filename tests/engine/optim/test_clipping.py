import jax
import numpy as np
import pytest

from jaxcls.engine.optim import build_grad_clip
from jaxcls.errors import UserError

GRADS = {"a": np.asarray([3.0], np.float32), "b": np.asarray([-4.0], np.float32)}


@pytest.mark.parametrize(
    ("norm_type", "norm"), [(None, 5.0), (2, 5.0), (1.0, 7.0), (3, 91 ** (1 / 3)), ("inf", 4.0), (float("inf"), 4.0)]
)
def test_by_norm(norm_type, norm):
    arguments = {} if norm_type is None else {"norm_type": norm_type}
    clipped, found = jax.jit(build_grad_clip({"max_norm": 1.0, **arguments}))(GRADS)
    np.testing.assert_allclose(found, norm, rtol=1e-6)
    np.testing.assert_allclose([clipped["a"][0], clipped["b"][0]], [3.0 / norm, -4.0 / norm], rtol=1e-5)
    untouched, _ = build_grad_clip({"type": "norm", "max_norm": 100, **arguments})(GRADS)
    assert untouched == GRADS


def test_by_value():
    clipped, norm = jax.jit(build_grad_clip({"type": "value", "clip_value": 3.5}))(GRADS)
    assert (clipped["a"][0], clipped["b"][0]) == (3.0, -3.5)
    np.testing.assert_allclose(norm, 5.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (1.0, r"optimizer_config\.grad_clip: expected a dict, got 1.0"),
        ({}, r"optimizer_config\.grad_clip: type='norm' needs 'max_norm'"),
        ({"type": "value"}, "type='value' needs 'clip_value'"),
        ({"type": {}, "clip_value": 1}, "grad_clip.type: {}; Allowed: norm, value"),
        ({"type": "values", "clip_value": 1}, "grad_clip.type: 'values'; did you mean 'value'"),
        ({"norm": 1}, r"optimizer_config\.grad_clip: type='norm' has no argument 'norm'; did you mean 'max_norm'"),
        ({"max_norm": 1, "clip_value": 1}, "type='norm' has no argument 'clip_value'"),
        ({"type": "value", "clip_value": 1, "norm_type": 2}, "type='value' has no argument 'norm_type'"),
        ({"max_norm": 0}, r"grad_clip\.max_norm: expected a positive number, got 0"),
        ({"max_norm": None}, r"grad_clip\.max_norm: expected a positive number, got None"),
        ({"max_norm": 1, "norm_type": 0}, r"grad_clip\.norm_type: expected a positive number, got 0"),
        ({"max_norm": 1, "norm_type": "max"}, r"grad_clip\.norm_type: expected a positive number, got 'max'"),
        ({"type": "value", "clip_value": -0.5}, r"grad_clip\.clip_value: expected a positive number, got -0.5"),
    ],
)
def test_messages(config, message):
    with pytest.raises(UserError, match=message):
        build_grad_clip(config)
