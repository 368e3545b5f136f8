from __future__ import annotations

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.engine.optim import Multipliers, build_optimizer, multipliers
from jaxcls.errors import UserError

PARAMS = {
    "backbone": {
        "conv": {"kernel": np.ones((3, 3, 4, 8), np.float32), "bias": np.ones(8, np.float32)},
        "dw": {"kernel": np.ones((3, 3, 1, 8), np.float32), "bias": np.ones(8, np.float32)},
        "bn": {"scale": np.ones(8, np.float32), "bias": np.ones(8, np.float32)},
        "pos_embed": np.ones((1, 4, 8), np.float32),
        "gamma": np.ones(8, np.float32),
    },
    "head": {"fc": {"kernel": np.ones((8, 5), np.float32), "bias": np.ones(5, np.float32)}},
}


def test_the_rules_for_norms_depthwise_convolutions_and_biases():
    found = multipliers(PARAMS, bias_lr_mult=2.0, bias_decay_mult=0.5, norm_decay_mult=0.0, dwconv_decay_mult=0.25)
    assert found["backbone"] == {
        "conv": {"kernel": Multipliers(), "bias": Multipliers(2.0, 0.5)},
        "dw": {"kernel": Multipliers(1.0, 0.25), "bias": Multipliers(2.0, 0.25)},
        "bn": {"scale": Multipliers(1.0, 0.0), "bias": Multipliers(1.0, 0.0)},
        "pos_embed": Multipliers(),
        "gamma": Multipliers(),
    }
    assert found["head"]["fc"]["bias"] == Multipliers(2.0, 0.5)


def test_biases_of_norms_and_depthwise_convolutions_are_not_biases():
    found = multipliers(PARAMS, bias_decay_mult=0.0)["backbone"]
    assert found["conv"]["bias"].decay == 0.0
    assert found["dw"]["bias"].decay == found["bn"]["bias"].decay == 1.0


def test_vectors_without_another_rule_follow_flat_decay_mult():
    found = multipliers(PARAMS, norm_decay_mult=0.5, flat_decay_mult=0.0)["backbone"]
    assert found["bn"] == {"scale": Multipliers(1.0, 0.5), "bias": Multipliers(1.0, 0.5)}
    assert found["gamma"].decay == found["conv"]["bias"].decay == found["dw"]["bias"].decay == 0.0
    assert found["pos_embed"].decay == found["dw"]["kernel"].decay == 1.0


def test_a_convolution_of_one_channel_counts_as_depthwise():
    kernel = {"conv": {"kernel": np.ones((5, 5, 1, 1), np.float32)}}
    assert multipliers(kernel, dwconv_decay_mult=0.0)["conv"]["kernel"].decay == 0.0


def test_custom_keys_longest_match_decides_alone():
    keys = {"backbone": {"lr_mult": 0.1}, "backbone.bn": {"decay_mult": 0.0}, ".pos_embed": {"decay_mult": 0.0}}
    found = multipliers(PARAMS, norm_decay_mult=0.5, bias_decay_mult=0.5, bias_lr_mult=3.0, custom_keys=keys)
    assert found["backbone"]["conv"]["bias"] == Multipliers(0.1, 1.0)
    assert found["backbone"]["bn"]["scale"] == Multipliers(1.0, 0.0)
    assert found["backbone"]["pos_embed"] == Multipliers(1.0, 0.0)
    assert found["head"]["fc"]["bias"] == Multipliers(3.0, 0.5)


def test_of_equally_long_keys_the_first_in_the_alphabet_decides():
    found = multipliers(PARAMS, custom_keys={"head.": {"lr_mult": 3.0}, ".bias": {"lr_mult": 2.0}})
    assert found["head"]["fc"] == {"kernel": Multipliers(3.0), "bias": Multipliers(2.0)}


def test_what_nothing_here_has_is_accepted():
    found = multipliers(PARAMS, dcn_offset_lr_mult=0.1, bypass_duplicate=True)
    assert set(jax.tree.leaves(found, is_leaf=lambda node: isinstance(node, Multipliers))) == {Multipliers()}


def test_they_reach_the_update():
    config = {"type": "SGD", "lr": 0.1, "weight_decay": 0.1}
    config["paramwise_cfg"] = {"norm_decay_mult": 0.0, "custom_keys": {"head": {"lr_mult": 10.0}}}
    tx = build_optimizer(config, PARAMS)
    zeros = jax.tree.map(np.zeros_like, PARAMS)
    updates, _ = tx.update(zeros, tx.init(PARAMS), PARAMS)
    np.testing.assert_allclose(updates["backbone"]["conv"]["kernel"], -0.01, rtol=1e-6)
    np.testing.assert_allclose(updates["backbone"]["bn"]["scale"], 0.0)
    np.testing.assert_allclose(updates["head"]["fc"]["kernel"], -0.1, rtol=1e-6)


def test_layers_and_the_other_rules_multiply():
    backbone = {"type": "ResNet_CIFAR", "depth": 18, "stem_channels": 8, "base_channels": 8}
    head = {"type": "LinearClsHead", "num_classes": 5, "in_channels": 64}
    neck = {"type": "GlobalAveragePooling"}
    model = {"type": "ImageClassifier", "backbone": backbone, "neck": neck, "head": head}
    classifier = jaxcls.build_classifier(model)
    images = jax.ShapeDtypeStruct((1, 8, 8, 3), np.float32)
    params = jax.eval_shape(classifier.init, jax.random.key(0), images)["params"]
    found = multipliers(
        params, layer_decay_rate=0.5, bias_lr_mult=2.0, custom_keys={"layer4.1": {"lr_mult": 3.0, "decay_mult": 0.1}}
    )
    assert found["head"]["fc"] == {"kernel": Multipliers(1.0), "bias": Multipliers(2.0)}
    assert found["backbone"]["layer4.0"]["conv1"]["kernel"] == Multipliers(0.5)
    assert found["backbone"]["layer4.1"]["conv1"]["kernel"] == Multipliers(1.5, 0.1)
    assert found["backbone"]["conv1"]["kernel"] == Multipliers(0.5**5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bias_lr_mult": -1.0}, r"paramwise_cfg\.bias_lr_mult: expected a number from 0, got -1.0"),
        ({"norm_decay_mult": "0"}, r"paramwise_cfg\.norm_decay_mult: expected a number from 0, got '0'"),
        ({"layer_decay_rate": 0.0}, r"paramwise_cfg\.layer_decay_rate: expected a positive number, got 0.0"),
        ({"layer_decay_rate": 0.5}, "layer_decay_rate: no backbone's layout says how deep 'backbone.bn.bias' is"),
        ({"custom_keys": {"head": 0.1}}, r"custom_keys\['head'\]: expected a dict of lr_mult and decay_mult, got 0.1"),
        ({"custom_keys": {"head": {"lr": 1}}}, r"custom_keys\['head'\] has no key 'lr'; .*Allowed: decay_mult, lr_m"),
        ({"custom_keys": {"head": {"lr_mult": -1}}}, r"custom_keys\['head'\]\.lr_mult: expected a number from 0"),
    ],
)
def test_messages(arguments, message):
    with pytest.raises(UserError, match=message):
        multipliers(PARAMS, **arguments)
