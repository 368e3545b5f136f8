"""The zoo: names, and the original's parameter counts.

`tests/golden/zoo.json` holds backbone, head and number of parameters of each of the original's configs, and by their
names here those of the models that it has no config of: the original's classes built, or timm's. A few are built here,
all the others under `slow`.
"""

from __future__ import annotations

import importlib
import json
import math
import pkgutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jaxcls import zoo
from jaxcls.errors import UserError
from jaxcls.models import backbones, build_classifier, heads

ORIGINAL = json.loads((Path(__file__).parents[1] / "golden/zoo.json").read_text())
FAMILIES = {
    module.name: importlib.import_module(f"jaxcls.zoo.{module.name}").ENTRIES
    for module in pkgutil.iter_modules(zoo.__path__)
    if module.name != "entry"
}
NAMES = zoo.list_models()


QUICK = ("lenet5", "resnet18", "vit_base_p32")


def count(config: dict, size: int, channels: int) -> int:
    images = jax.ShapeDtypeStruct((1, size, size, channels), jnp.float32)
    variables = jax.eval_shape(build_classifier(config).init, jax.random.key(0), images)
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"]))


def test_names_are_unique():
    seen: dict[str, str] = {}
    for entries in FAMILIES.values():
        for entry in entries:
            for name in entry.names:
                assert seen.setdefault(name, entry.name) == entry.name, name


def test_every_class_has_a_name():
    for entries in FAMILIES.values():
        for entry in entries:
            assert len(set(entry.class_names)) == entry.num_classes, entry.name
    assert zoo.find("resnet50").class_names[1] == "goldfish, Carassius auratus"
    assert zoo.find("convnext_base_in21k").class_names[-1] == "21840"


def test_every_original_config_is_an_alias():
    """As soon as its backbone and its head are there."""
    there = [
        name
        for name, (backbone, head, _) in ORIGINAL.items()
        if backbone in backbones.__all__ and head in heads.__all__
    ]
    assert {zoo.find(name).backbone["type"] for name in there} <= set(backbones.__all__)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in NAMES])
def test_a_model_builds_with_the_originals_parameters(name):
    entry = zoo.find(name)
    expected = {ORIGINAL[known][-1] for known in entry.names if known in ORIGINAL}
    assert expected, f"{name}: its number of parameters is missing in tests/golden/zoo.json"
    built = count(zoo.model_config(name), entry.preprocessing.size, len(entry.preprocessing.mean))
    assert {built} == expected


def test_listing():
    assert {"resnet18", "resnet50", "resnetv1d50"} <= set(zoo.list_models("resnet*"))
    assert zoo.list_models("resnet50") == ["resnet50"]
    assert sorted(NAMES) == NAMES
    assert "lenet5" in zoo.list_models(pretrained=False)
    assert sorted(zoo.list_models(pretrained=False) + zoo.list_models(pretrained=True)) == NAMES


def test_a_model_goes_by_all_its_names():
    assert zoo.find("resnet50_8xb32_in1k") is zoo.find("resnet50")
    assert zoo.published("resnet50").top1 == 76.55
    assert zoo.published("resnet50_8xb256-rsb-a1-600e_in1k").top1 == 80.12
    assert zoo.published("resnet50_8xb32-mixup_in1k").name == "resnet50_8xb32_in1k"
    assert zoo.published("lenet5") is None


def test_an_unknown_name_lists_the_close_ones():
    with pytest.raises(UserError, match=r"'resnet5' is not in the zoo; did you mean .*'resnet50'"):
        zoo.model_config("resnet5")


def test_class_names_are_no_number_of_classes():
    with pytest.raises(UserError, match=r"num_classes=\('cat', 'dog'\): expected a whole number"):
        zoo.model_config("resnet50", num_classes=("cat", "dog"))


def test_a_config_is_made_to_order():
    config = zoo.model_config("vit_base_p16", num_classes=3, image_size=64, backbone=dict(drop_rate=0.0))
    assert config["head"]["num_classes"] == 3
    assert config["backbone"] == {**zoo.find("vit_base_p16").backbone, "img_size": 64, "drop_rate": 0.0}
    config["head"]["loss"]["loss_weight"] = 2.0
    assert zoo.model_config("vit_base_p16")["head"]["loss"]["loss_weight"] == 1.0
    assert zoo.model_config("lenet5", num_classes=3)["backbone"]["num_classes"] == 3
    assert zoo.model_config("swin_tiny", init_cfg=None)["init_cfg"] is None


def test_importing_it_imports_no_backbone():
    code = "import sys, jaxcls.zoo, jaxcls.zoo.resnet; assert not {'jax', 'flax', 'jaxcls.models'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
