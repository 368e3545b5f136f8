"""Every variant of every recipe in configs/ builds."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from ml_collections import ConfigDict
from PIL import Image

from jaxcls.config import complete
from jaxcls.errors import UserError
from jaxcls.models import build_classifier

CONFIGS = Path(__file__).parents[2] / "configs"
VARIANTS = [
    ("convnext", "digits tiny small base large xlarge"),
    ("lenet5", "mnist fashion_mnist"),
    ("mlp_mixer", "digits base large"),
    ("mobilenet_v2", "digits imagenet2012"),
    ("resnet", "digits cifar10 cifar100 imagenet2012 resnet18 resnetv1d101"),
    ("swin", "digits tiny small base large base-384 large-384"),
    ("vit", "digits base-p16 base-p32 large-p16 large-p32 base-p16-384 large-p32-384 deit-tiny deit-small deit-base"),
]


def get_config(name: str, *variant: str) -> ConfigDict:
    return importlib.import_module(f"configs.{name}").get_config(*variant)


def test_no_config_is_forgotten():
    assert {name for name, _ in VARIANTS} == {path.stem for path in CONFIGS.glob("*.py")} - {"finetune"}


@pytest.mark.parametrize(("name", "variant"), [(name, v) for name, variants in VARIANTS for v in variants.split()])
def test_every_variant_builds(name, variant):
    config = get_config(name, variant)
    assert isinstance(config, ConfigDict)
    json.dumps(complete(config))
    build_classifier(config.model)


@pytest.mark.parametrize("name", [name for name, _ in VARIANTS])
def test_unknown_variants_name_the_known_ones(name):
    with pytest.raises(UserError, match=f"configs/{name}.py:hugest: no such variant; Allowed: "):
        get_config(name, "hugest")


@pytest.mark.parametrize(
    ("name", "variant", "lr", "batch_size", "max_epochs", "ema"),
    [
        ("convnext", "digits", 2e-3, 64, 20, None),
        ("convnext", "tiny", 4e-3, 4096, 300, {"momentum": 4e-5}),
        ("lenet5", "mnist", 0.01, 128, 5, None),
        ("mlp_mixer", "base", 0.003, 4096, 300, None),
        ("mobilenet_v2", "imagenet2012", 0.045, 256, 300, None),
        ("resnet", "cifar100", 0.1, 128, 200, None),
        ("swin", "large-384", 1e-3, 1024, 300, None),
        ("vit", "base-p16-384", 0.003, 4096, 300, None),
        ("vit", "deit-base", 1e-3, 1024, 300, {"momentum": 4e-5}),
        ("vit", "deit_base", 1e-3, 1024, 300, {"momentum": 4e-5}),
    ],
)
def test_the_originals_numbers(name, variant, lr, batch_size, max_epochs, ema):
    config = complete(get_config(name, variant))
    numbers = config["optimizer"]["lr"], config["data"]["batch_size"], config["runner"]["max_epochs"], config["ema"]
    assert numbers == (lr, batch_size, max_epochs, ema)


def test_any_model_on_pictures_of_ones_own(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name / "1.png")
    config = get_config("finetune", f"vit_base_p16_384,{tmp_path}")
    build_classifier(config.model)
    assert (config.model.head.num_classes, config.model.backbone.img_size) == (2, 384)
    assert config.data.train.pipeline[-1]["mean"] == (127.5,) * 3
    with pytest.raises(UserError, match="MODEL,FOLDER"):
        get_config("finetune", "resnet18")
    with pytest.raises(UserError, match="'resnet1' is not in the zoo; did you mean"):
        get_config("finetune", f"resnet1,{tmp_path}")
