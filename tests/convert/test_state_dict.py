from __future__ import annotations

import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxcls.convert import convert_state_dict, export_state_dict
from jaxcls.convert.wrappers import read_weights
from jaxcls.convert.writers import write_file
from jaxcls.models.layers import BatchNorm, Conv, Linear


class Network(nn.Module):
    @nn.compact
    def __call__(self, x):
        token = self.param("token", nn.initializers.normal(), (1, 1, 1, 6))
        x = BatchNorm(name="layer1.0.bn")(Conv(6, (3, 2), groups=2, name="layer1.0.conv")(x)) + token
        return Linear(5, name="fc")(x.mean((1, 2)))

    def resize_on_load(self, path, value, shape):
        return value if path != ("token",) else np.broadcast_to(value, shape)


NAMES = {
    "token": (1, 1, 1, 6),
    "layer1.0.conv.weight": (6, 2, 3, 2),
    "layer1.0.conv.bias": (6,),
    "layer1.0.bn.weight": (6,),
    "layer1.0.bn.bias": (6,),
    "layer1.0.bn.running_mean": (6,),
    "layer1.0.bn.running_var": (6,),
    "fc.weight": (5, 6),
    "fc.bias": (5,),
}
SHAPE = (4, 4, 4)


@pytest.fixture
def state_dict():
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in NAMES.items()}


def test_layouts(state_dict):
    variables = convert_state_dict(Network(), state_dict, SHAPE)
    kernel = variables["params"]["layer1.0.conv"]["kernel"]
    assert kernel.shape == (3, 2, 2, 6)
    assert kernel[2, 1, 0, 5] == state_dict["layer1.0.conv.weight"][5, 0, 2, 1]
    assert np.array_equal(variables["params"]["fc"]["kernel"], state_dict["fc.weight"].T)
    assert np.array_equal(variables["batch_stats"]["layer1.0.bn"]["var"], state_dict["layer1.0.bn.running_var"])


def test_a_round_trip_is_bitwise_equal(state_dict):
    variables = convert_state_dict(Network(), state_dict, SHAPE)
    exported = export_state_dict(Network(), variables)
    assert exported.keys() == state_dict.keys()
    assert all(exported[name].tobytes() == value.tobytes() for name, value in state_dict.items())
    again = convert_state_dict(Network(), exported, SHAPE)
    assert jax.tree.all(jax.tree.map(np.array_equal, variables, again))


def test_initial_variables_make_the_round_trip_too():
    variables = Network().init(jax.random.key(0), jnp.zeros((1, *SHAPE)))
    again = convert_state_dict(Network(), export_state_dict(Network(), variables), SHAPE)
    assert jax.tree.all(jax.tree.map(np.array_equal, variables, again))


def test_a_model_may_resize_what_it_loads(state_dict):
    state_dict["token"] = np.ones((1, 1, 1, 1), np.float32)
    variables = convert_state_dict(Network(), state_dict, SHAPE)
    assert np.array_equal(variables["params"]["token"], np.ones((1, 1, 1, 6)))


def test_buffers_without_a_parameter_are_passed_over(state_dict):
    buffers = {"layer1.0.bn.num_batches_tracked": np.array(7), "attn.relative_position_index": np.zeros((49, 49))}
    convert_state_dict(Network(), {**state_dict, **buffers}, SHAPE)


def test_all_that_does_not_fit_is_named_at_once(state_dict):
    del state_dict["fc.bias"]
    state_dict["head.fc.bias"] = np.zeros(5)
    state_dict["fc.weight"] = np.zeros((6, 6))
    with pytest.raises(ValueError, match=r"3 problems") as error:
        convert_state_dict(Network(), state_dict, SHAPE)
    for part in (
        "missing fc.bias (5,)",
        "unexpected head.fc.bias (5,)",
        "fc.weight has shape (6, 6), expected (5, 6)",
    ):
        assert part in str(error.value)


def test_a_linear_layer_is_a_convolution_of_one_pixel(state_dict):
    state_dict["fc.weight"] = state_dict["fc.weight"].reshape(5, 6, 1, 1)
    variables = convert_state_dict(Network(), state_dict, SHAPE)
    assert np.array_equal(variables["params"]["fc"]["kernel"], state_dict["fc.weight"][..., 0, 0].T)


class Wide(nn.Module):
    @nn.compact
    def __call__(self, x):
        return Linear(2**20, name="fc")(x.mean((1, 2)))

    def resize_on_load(self, path, value, shape):
        return value


def test_memory_is_little_more_than_the_variables(tmp_path):
    """Of a file with other tensors beside them."""
    arrays = {"fc.weight": np.ones((2**20, 16), np.float32), "fc.bias": np.ones(2**20, np.float32)}
    path = write_file(tmp_path / "x.pth", {**arrays, "other": np.ones(2**24, np.float32)}, {})
    state_dict = read_weights(path).state_dict
    del state_dict["other"]
    shape, asked = (1, 1, 16), sum(array.nbytes for array in arrays.values())
    jax.eval_shape(Wide().init, jax.random.key(0), jnp.zeros((1, *shape)))
    tracemalloc.start()
    variables = convert_state_dict(Wide(), state_dict, shape)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(variables)) == asked
    assert peak < 1.5 * asked
