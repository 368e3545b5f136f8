import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.extend import core

from jaxcls import build_classifier, zoo
from jaxcls.inspect.summary import summarize
from jaxcls.multiply_adds import multiply_adds
from tests.engine import tiny

# published multiply-adds in 10^9 at 224 x 224: torchvision's, the papers' where it has no such model
PUBLISHED = {
    "resnet18": 1.814,
    "resnet50": 4.12,  # MMClassification's
    "resnext50_32x4d": 4.23,
    "vgg16": 15.47,
    "densenet121": 2.834,
    "mobilenet_v2": 0.301,
    "mobilenet_v3_large": 0.217,
    "shufflenet_v2_1x": 0.145,
    "efficientnet_b0": 0.386,
    "convnext_tiny": 4.456,
    "swin_tiny": 4.491,
    "vit_base_p16": 17.56,
    "deit_small": 4.61,
}


@pytest.mark.parametrize(
    "name", ["resnet50", *(pytest.param(name, marks=pytest.mark.slow) for name in PUBLISHED if name != "resnet50")]
)
def test_multiply_adds_are_the_published_ones(name):
    whole, *_ = summarize(build_classifier(zoo.model_config(name, 1000)), (224, 224, 3))
    assert whole.multiply_adds / 1e9 == pytest.approx(PUBLISHED[name], rel=0.01)


def test_layers_by_hand():
    layers = {layer.path: layer for layer in summarize(build_classifier(tiny.model()), (8, 8, 1))}
    conv, norm, whole = layers["backbone", "conv1"], layers["backbone", "bn1"], layers[()]
    assert (conv.kind, conv.output, conv.params) == ("Conv", ((1, 8, 8, 16),), 10 * 16)
    assert (conv.multiply_adds, conv.activations) == (8 * 8 * 9 * 16, 4 * 8 * 8 * 16)
    assert (norm.params, norm.buffers, norm.multiply_adds) == (32, 32, 0)
    assert layers["backbone",].params == conv.params + norm.params
    head = layers["head", "fc"]
    assert (head.params, head.multiply_adds, head.output) == (170, 160, ((1, 10),))
    assert whole.params == whole.trainable == 10 * 16 + 32 + 170
    assert whole.multiply_adds == conv.multiply_adds + head.multiply_adds
    assert whole.activations == conv.activations + norm.activations + 4 * (16 + 10)


def test_half_precision_takes_half_the_memory_and_frozen_layers_are_told():
    config = zoo.model_config("resnet18", 10)
    config["backbone"] |= {"frozen_stages": 1, "num_stages": 1, "out_indices": (0,)}
    config["head"] |= {"in_channels": 64}
    classifier = build_classifier(config)
    full, half = (summarize(classifier, (32, 32, 3), dtype)[0] for dtype in (jnp.float32, jnp.bfloat16))
    assert half.multiply_adds == full.multiply_adds
    assert half.activations < 0.6 * full.activations
    assert full.trainable == 650  # the head's


class Twice(nn.Module):
    @nn.compact
    def __call__(self, x):
        shared = nn.Dense(3)
        return shared(shared(x))


def test_a_layer_that_is_called_twice_counts_twice():
    _, shared = summarize(Twice(), (3,))
    assert (shared.params, shared.multiply_adds, shared.activations) == (12, 18, 24)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (lambda x: jnp.einsum("nld,nsd->nls", x, x), 2 * 5 * 5 * 7),
        (lambda x: jax.lax.scan(lambda c, row: (c, row @ row.T), 0, x)[1], 2 * 5 * 5 * 7),
        (lambda x: jax.jit(lambda y: y @ y.swapaxes(1, 2))(x), 2 * 5 * 5 * 7),
        (lambda x: jax.lax.platform_dependent(x, cpu=lambda y: y, default=lambda y: y @ jnp.eye(7)), 2 * 5 * 7 * 7),
        (
            lambda x: jax.lax.conv_general_dilated(
                x[..., None], jnp.ones((3, 3, 1, 4)), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            ),
            2 * 5 * 7 * 4 * 9,
        ),
        (jnp.exp, 0),
    ],
)
def test_counted_by_hand(program, expected):
    jaxpr: core.Jaxpr = jax.make_jaxpr(program)(np.ones((2, 5, 7), np.float32)).jaxpr
    assert sum(multiply_adds(jaxpr).values()) == expected
