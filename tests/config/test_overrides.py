from __future__ import annotations

import pytest
from ml_collections import ConfigDict, FieldReference

from jaxcls.builder import plain
from jaxcls.config.overrides import Override, changed, split
from jaxcls.errors import UserError
from tests import recipe


def with_(*arguments, config=None):
    _, overrides = split(arguments)
    return plain(changed(config if config is not None else recipe.get_config().to_dict(), overrides))


def at(config, path):
    for step in path:
        config = config[step]
    return config


@pytest.mark.parametrize(
    ("argument", "path", "value"),
    [
        ("--config.lr_config.step=[1,2]", ["lr_config", "step"], (1, 2)),
        ("--config.lr_config.step=1,2", ["lr_config", "step"], (1, 2)),
        ("--config.optimizer_config.grad_clip=None", ["optimizer_config", "grad_clip"], None),
        ("--config.optimizer_config.grad_clip={'max_norm': 5}", ["optimizer_config", "grad_clip"], {"max_norm": 5}),
        ("--config.optimizer.nesterov=True", ["optimizer", "nesterov"], True),
        ("--config.optimizer.nesterov=false", ["optimizer", "nesterov"], False),
        ("--noconfig.optimizer.nesterov", ["optimizer", "nesterov"], False),
        ("--config.optimizer.nesterov", ["optimizer", "nesterov"], True),
        ("-config.optimizer.lr=1e-3", ["optimizer", "lr"], 1e-3),
        ("--config.seed=3", ["seed"], 3),
        ("--config.evaluation.save_best=auto", ["evaluation", "save_best"], "auto"),
        ("--config.optimizer.type=Adam", ["optimizer", "type"], "Adam"),
        ("--config.data.train.pipeline[0].size=(8,9)", ["data", "train", "pipeline", 0, "size"], (8, 9)),
        ("--config.data.train.pipeline[-1].std=[2]", ["data", "train", "pipeline", 1, "std"], (2,)),
        ("--config.data.train.pipeline.0.size=8", ["data", "train", "pipeline", 0, "size"], 8),
        (
            "--config.data.train.pipeline[0]={'type': 'RandomFlip'}",
            ["data", "train", "pipeline", 0],
            {"type": "RandomFlip"},
        ),
        ("--config.ema.momentum=1e-4", ["ema", "momentum"], 1e-4),
        ("--config.precision=bfloat16", ["precision"], "bfloat16"),
        ("--config.precision.loss_scale=512", ["precision", "loss_scale"], 512),
        ("--config.data.val=None", ["data", "val"], None),
        (
            "--config.optimizer.paramwise_cfg.custom_keys['.a.b'].lr_mult=0",
            ["optimizer", "paramwise_cfg", "custom_keys", ".a.b", "lr_mult"],
            0,
        ),
        (
            '--config.optimizer.paramwise_cfg.custom_keys[".a"]={}',
            ["optimizer", "paramwise_cfg", "custom_keys", ".a"],
            {},
        ),
        # what the key does not take as a literal is text
        ("--config.data.train.name=7", ["data", "train", "name"], "7"),
        ("--config.data.train.name=007", ["data", "train", "name"], "007"),
        ("--config.data.train.name=None", ["data", "train", "name"], "None"),
        ("--config.data.train.name='7'", ["data", "train", "name"], "7"),
        ("--config.data.batch_size=7x", ["data", "batch_size"], "7x"),
        ("--config.data.train.name=a=b", ["data", "train", "name"], "a=b"),
    ],
)
def test_any_key_takes_a_python_literal(argument, path, value):
    assert at(with_(argument), path) == value


def test_a_value_may_follow_its_key():
    rest, overrides = split(["--resume", "--config.seed", "3", "--config=a.py", "--", "--config.seed=4"])
    assert rest == ["--resume", "--config=a.py", "--", "--config.seed=4"]
    assert overrides == [Override("seed", "3")]


def test_the_last_of_two_wins():
    assert with_("--config.seed=3", "--config.seed=4")["seed"] == 4
    changed_twice = with_("--config.lr_config={'policy': 'step', 'step': (1,)}", "--config.lr_config.step[0]=9")
    assert changed_twice["lr_config"] == {"policy": "step", "step": (9,)}


def test_parts_that_a_recipe_shares_are_changed_apart():
    from jaxcls.config.recipe_file import _thawed

    shared = {"split": "test", "pipeline": [{"size": 1}]}
    config = with_("--config.val.pipeline[0].size=2", config=_thawed(ConfigDict({"val": shared, "test": shared})))
    assert config["val"]["pipeline"][0]["size"] == 2
    assert config["test"]["pipeline"][0]["size"] == 1


def test_what_depends_on_a_value_follows_it():
    from jaxcls.config.recipe_file import _thawed

    rate = FieldReference(0.1)
    config = _thawed(ConfigDict({"optimizer": {"lr": rate}, "lr_config": {"min_lr": rate * 0.1}}))
    config = with_("--config.optimizer.lr=1", config=config)
    assert config["lr_config"]["min_lr"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--config.data.train.pipeline[7].size=8"],
            r"pipeline\[7\]\.size=8: 7 is no place in a list of 2; expected 0 to 1",
        ),
        (["--config.data.train.pipeline.size=8"], "'size' is no place in a list"),
        (["--config.data.train.pipeline.--1.size=8"], "'--1' is no place in a list"),
        (["--config.data.train.pipeline.².size=8"], "'²' is no place in a list"),
        (["--config.optimizer.lr.x=8"], "the key before 'x' holds 0.02, which has no keys"),
        (["--config.workflow=[(train,1)]"], "cannot be read as Python; texts in it need quotes"),
        (["--config.optimizer.[=1"], r"--config\.optimizer\.\[: expected KEY\.KEY"),
        (
            ["--config.optimizer.lr=1", "--config.optimizer={}"],
            r"--config\.optimizer comes after --config\.optimizer\.lr",
        ),
    ],
)
def test_messages(arguments, message):
    with pytest.raises(UserError, match=message):
        with_(*arguments)
