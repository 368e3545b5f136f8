import pytest
from ml_collections import ConfigDict

from jaxcls.engine.optim import base_momentum
from jaxcls.engine.optim.parse import parse
from jaxcls.errors import UserError


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("SGD", "optimizer: 'SGD'; expected a dict with a 'type'; optimizer.type changes the type alone"),
        ({"lr": 1.0}, "optimizer.type: None; Allowed: Adam, "),
        ({"type": "SDG", "lr": 1.0}, "optimizer.type: 'SDG'; did you mean 'SGD' or 'sgd'"),
        ({"type": "adam", "betas": (0.9, 0.9), "lr": 1.0}, "optimizer: adam has no argument 'betas'"),
        ({"type": "adabelif", "lr": 1.0}, "optimizer.type: 'adabelif'; did you mean 'adabelief'"),
        ({"type": "lbfgs", "lr": 1.0}, "optimizer.type: 'lbfgs' cannot be used: it needs the loss as a function"),
        ({"type": "optax:nothing", "lr": 1.0}, "optimizer.type: 'optax:nothing'"),
        ({"type": "optax:clip", "lr": 1.0}, "optimizer.type: 'optax:clip': expected a function of learning_rate"),
        ({"type": "SGD"}, "SGD needs 'lr'"),
        ({"type": "SGD", "lr": 0}, r"optimizer\.lr: expected a positive number, got 0"),
        ({"type": "SGD", "lr": -0.1}, r"optimizer\.lr: expected a positive number, got -0.1"),
        ({"type": "SGD", "lr": float("nan")}, r"optimizer\.lr: expected a positive number, got nan"),
        ({"type": "SGD", "lr": "0.1"}, r"optimizer\.lr: expected a positive number, got '0.1'"),
        ({"type": "SGD", "lr": 1.0, "momentom": 0.9}, "no argument 'momentom'; did you mean 'momentum'"),
        ({"type": "adabelief", "lr": 1.0, "betas": (0.9, 0.999)}, "no argument 'betas'; .*Allowed: b1, b2, eps, "),
        ({"type": "SGD", "lr": 1.0, "max_grad_norm": 1.0}, "no argument 'max_grad_norm'"),
        ({"type": "adamaxw", "lr": 1.0, "mask": True}, "no argument 'mask'"),
        ({"type": "SGD", "lr": 1.0, "momentum": 1.0}, r"optimizer\.momentum: expected a number in \[0, 1\), got 1.0"),
        ({"type": "SGD", "lr": 1.0, "momentum": -0.1}, r"optimizer\.momentum: expected a number in \[0, 1\), got -0.1"),
        ({"type": "SGD", "lr": 1.0, "weight_decay": -1e-4}, r"optimizer\.weight_decay: expected a number from 0, got"),
        ({"type": "Adam", "lr": 1.0, "betas": (0.9, 1.0)}, r"optimizer\.betas: expected a number in \[0, 1\), got 1.0"),
        ({"type": "Adam", "lr": 1.0, "betas": 0.9}, r"optimizer\.betas: expected 2 numbers, got 0.9"),
        ({"type": "Adan", "lr": 1.0, "betas": (0.9, 0.99)}, r"optimizer\.betas: expected 3 numbers"),
        ({"type": {}, "lr": 1.0}, r"optimizer.type: {}; Allowed: Adam, "),
        ({"type": "SGD", "lr": 1.0, "momentum": (0.9,)}, r"optimizer\.momentum: expected a number in \[0, 1\), got"),
        ({"type": "SGD", "lr": 1.0, "nesterov": "no"}, r"optimizer\.nesterov: expected True or False, got 'no'"),
        ({"type": "SGD", "lr": 1.0, "dampening": []}, r"optimizer\.dampening: expected a number from 0, got \(\)"),
        ({"type": "lars", "lr": 1.0, "trust_coefficient": "1"}, r"trust_coefficient: expected a number, got '1'"),
        ({"type": "dog", "lr": 1.0, "init_step": 1.0}, r"init_step: expected 2 values such as \('heuristic', 1e-06\)"),
        ({"type": "muon", "lr": 1.0, "preconditioning": 1}, r"preconditioning: expected text, got 1"),
        ({"type": "Muon", "lr": 1.0, "ns_coefficients": (1, 2)}, "ns_coefficients: expected 3 numbers"),
        ({"type": "Adam", "lr": 1.0, "eps": -1e-8}, r"optimizer\.eps: expected a number from 0, got -1e-08"),
        ({"type": "Lamb", "lr": 1.0, "max_grad_norm": -1.0}, r"optimizer\.max_grad_norm: expected a number from 0"),
        ({"type": "Adam", "lr": 1.0, "paramwise_cfg": True}, "paramwise_cfg: True; expected a dict"),
        (
            {"type": "Adam", "lr": 1.0, "paramwise_cfg": {"custom_keys": True}},
            "custom_keys: True; expected a dict or No",
        ),
        (
            {"type": "Adam", "lr": 1.0, "paramwise_cfg": {"custom_keys": {"a": None}}},
            r"custom_keys\['a'\]: expected a d",
        ),
        (
            {"type": "Adam", "lr": 1.0, "paramwise_cfg": {"custom_keys": {1: {}}}},
            r"custom_keys\[1\]: expected a part of",
        ),
        ({"type": "Adam", "lr": 1.0, "paramwise_cfg": {"bias_lr_mult": "2"}}, "bias_lr_mult: '2'; expected a number"),
        ({"type": "Adam", "lr": 1.0, "paramwise_cfg": {"norm_decay": 0}}, "paramwise_cfg has no key 'norm_decay'"),
        (
            {"type": "SGD", "lr": 1.0, "paramwise_cfg": {"norm_decay_mult": 0.0}},
            r"optimizer\.paramwise_cfg\.norm_decay_mult: needs optimizer\.weight_decay",
        ),
        (
            {"type": "adafactor", "lr": 1.0, "paramwise_cfg": {"custom_keys": {"head": {"decay_mult": 0.0}}}},
            r"custom_keys\['head'\]\.decay_mult: needs optimizer\.weight_decay_rate",
        ),
        (
            {"type": "adabelief", "lr": 1.0, "paramwise_cfg": {"bias_decay_mult": 0.0}},
            r"bias_decay_mult: adabelief has no weight decay",
        ),
    ],
)
def test_messages(config, message):
    with pytest.raises(UserError, match=message):
        parse(config)


def test_none_is_not_given():
    recipe = parse({"type": "SGD", "lr": 0.1, "momentum": None, "nesterov": None})
    assert recipe.arguments == {}
    assert parse({"type": "Lamb", "lr": 0.1, "max_grad_norm": None}).max_grad_norm is None  # which is "not"
    assert parse({"type": "SGD", "lr": 0.1, "paramwise_cfg": {"bias_lr_mult": None}}).paramwise == {}
    with pytest.raises(UserError, match="has no argument 'momentom'"):
        parse({"type": "SGD", "lr": 0.1, "momentom": None})


def test_a_config_dict_with_lists_is_read_as_a_dict_with_tuples():
    recipe = parse(ConfigDict({"type": "Lamb", "lr": 0.1, "betas": [0.8, 0.9], "paramwise_cfg": None}))
    assert recipe.arguments == {"betas": (0.8, 0.9)}
    assert (recipe.lr, recipe.max_grad_norm, recipe.paramwise) == (0.1, 1.0, {})


@pytest.mark.parametrize(
    ("config", "momentum"),
    [
        ({"type": "SGD"}, 0.0),
        ({"type": "SGD", "momentum": 0.9}, 0.9),
        ({"type": "AdamW"}, 0.9),
        ({"type": "AdamW", "betas": (0.8, 0.95)}, 0.8),
        ({"type": "Muon"}, 0.95),
        ({"type": "Muon", "betas": (0.8, 0.95)}, 0.95),
        ({"type": "adabelief", "b1": 0.7}, 0.7),
        ({"type": "signum"}, 0.9),
        ({"type": "adafactor"}, 0.0),
    ],
)
def test_base_momentum(config, momentum):
    assert base_momentum({"lr": 0.1, **config}) == momentum


def test_an_optimiser_without_momentum_has_no_base():
    with pytest.raises(UserError, match="momentum_config: adagrad has no momentum"):
        base_momentum({"type": "adagrad", "lr": 0.1})
