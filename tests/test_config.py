from __future__ import annotations

import importlib
import json

import pytest
from ml_collections import ConfigDict

from jaxcls.config import complete, load_config, save_config
from jaxcls.errors import UserError
from jaxcls.models import build_classifier

SMALL = {"model": {}, "data": {"batch_size": 8, "train": {}}, "optimizer": {}, "runner": {}}


def test_defaults_are_filled_in():
    full = complete(SMALL)
    assert full["workflow"] == (("train", 1),)
    assert (full["data"]["num_workers"], full["data"]["worker_type"]) == (2, "thread")
    assert full["seed"] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimzer": {}}, r"config has no key 'optimzer'; did you mean 'optimizer'"),
        ({"runner": None}, r"config lacks runner"),
        ({"data": {"batch_size": 8}}, r"config\.data lacks 'train'"),
        ({"data": {"batchsize": 8, "train": {}}}, r"config\.data has no key 'batchsize'; did you mean 'batch_size'"),
    ],
)
def test_messages(change, message):
    with pytest.raises(UserError, match=message):
        complete({**SMALL, **change})


def test_saved_configs_come_back(tmp_path):
    save_config(complete(SMALL), tmp_path / "config.json")
    assert complete(load_config(tmp_path / "config.json")) == complete(SMALL)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        load_config(tmp_path / "config.json")
    with pytest.raises(UserError, match="does not exist"):
        load_config(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("module", "argument"),
    [
        ("resnet", "digits"),
        ("resnet", "cifar10"),
        ("resnet", "cifar100"),
        ("resnet", "imagenet2012"),
        ("lenet5", "mnist"),
        ("lenet5", "fashion_mnist"),
    ],
)
def test_recipes_are_data_that_build(module, argument):
    config = importlib.import_module(f"configs.{module}").get_config(argument)
    assert isinstance(config, ConfigDict)
    json.dumps(complete(config))
    build_classifier(config.model)


def test_an_unknown_variant_names_the_known_ones():
    with pytest.raises(ValueError, match="allowed are digits, cifar10"):
        importlib.import_module("configs.resnet").get_config("cifar11")
