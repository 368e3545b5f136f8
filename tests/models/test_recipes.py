"""The recipes of models beyond ResNet and LeNet: every variant builds."""

from __future__ import annotations

import importlib

import pytest

from jaxcls.config import complete
from jaxcls.models import build_classifier

VARIANTS = [
    ("convnext", "digits tiny small base large xlarge"),
    ("mlp_mixer", "digits base large"),
    ("mobilenet_v2", "digits imagenet2012"),
    ("swin", "digits tiny small base large base-384 large-384"),
    ("vit", "digits base-p16 base-p32 large-p16 large-p32 base-p16-384 large-p32-384 deit-tiny deit-small deit-base"),
]


@pytest.mark.parametrize(("name", "variant"), [(name, v) for name, variants in VARIANTS for v in variants.split()])
def test_every_variant_builds(name, variant):
    config = complete(importlib.import_module(f"configs.{name}").get_config(variant))
    build_classifier(config["model"])
    averaged = (name == "convnext" and variant != "digits") or variant == "deit-base"
    assert config["ema"] == ({"momentum": 4e-5} if averaged else None)


@pytest.mark.parametrize("name", [name for name, _ in VARIANTS])
def test_unknown_variants_name_the_known_ones(name):
    with pytest.raises(ValueError, match=f"configs/{name}.py:hugest: allowed are digits, "):
        importlib.import_module(f"configs.{name}").get_config("hugest")
