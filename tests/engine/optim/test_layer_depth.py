"""Depths as mmpretrain gives them, on the parameters of real backbones; and by stages for the convolutional ones."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.engine.optim.layer_depth import layer_depths
from jaxcls.engine.optim.paramwise import parameter_name
from jaxcls.errors import UserError

POOL = {"type": "GlobalAveragePooling"}


def depths(backbone, size, **classifier):
    head = {"type": "LinearClsHead", "num_classes": 5, "in_channels": None}
    model = {"type": "ImageClassifier", "backbone": backbone, "neck": POOL, "head": head, **classifier}
    images = jax.ShapeDtypeStruct((1, size, size, 3), np.float32)
    params = jax.eval_shape(jaxcls.build_classifier(model).init, jax.random.key(0), images)["params"]
    paths = jax.tree_util.tree_leaves_with_path(params)
    return layer_depths(parameter_name(tuple(key.key for key in path)) for path, _ in paths)


def check(found, expected):
    assert {name: found[name] for name in expected} == expected


def test_vision_transformer():
    arch = {"embed_dims": 8, "num_layers": 3, "num_heads": 2, "feedforward_channels": 8}
    head = {"type": "VisionTransformerClsHead", "num_classes": 5, "in_channels": 8}
    backbone = {"type": "VisionTransformer", "arch": arch, "img_size": 32, "patch_size": 16}
    found = depths(backbone, 32, neck=None, head=head)
    expected = {
        "backbone.cls_token": 0,
        "backbone.pos_embed": 0,
        "backbone.patch_embed.projection.weight": 0,
        "backbone.layers.0.attn.qkv.weight": 1,
        "backbone.layers.0.ln1.bias": 1,
        "backbone.layers.2.ffn.layers.1.bias": 3,
        "backbone.ln1.weight": 4,
        "head.layers.head.weight": 4,
    }
    check(found, expected)


def test_swin_transformer():
    arch = {"embed_dims": 8, "depths": [2, 1, 2], "num_heads": [1, 2, 4]}
    backbone = {"type": "SwinTransformer", "arch": arch, "img_size": 32, "window_size": 2, "out_indices": (2,)}
    found = depths({**backbone, "use_abs_pos_embed": True}, 32)
    expected = {
        "backbone.patch_embed.projection.weight": 0,
        "backbone.patch_embed.norm.bias": 0,
        "backbone.absolute_pos_embed": 0,
        "backbone.stages.0.blocks.0.norm1.weight": 1,
        "backbone.stages.0.blocks.1.attn.w_msa.relative_position_bias_table": 2,
        "backbone.stages.0.downsample.reduction.weight": 2,
        "backbone.stages.1.blocks.0.attn.w_msa.qkv.weight": 3,
        "backbone.stages.1.downsample.norm.weight": 3,
        "backbone.stages.2.blocks.1.ffn.layers.1.bias": 5,
        "backbone.norm2.weight": 6,
        "head.fc.weight": 6,
    }
    check(found, expected)


@pytest.mark.parametrize(("third", "last"), [(9, 6), (27, 12)])
def test_convnext(third, last):
    arch = {"depths": [3, 3, third, 3], "channels": [8, 8, 8, 8]}
    found = depths({"type": "ConvNeXt", "arch": arch, "gap_before_final_norm": True}, 32, neck=None)
    expected = {
        "backbone.downsample_layers.0.0.weight": 0,
        "backbone.stages.0.2.depthwise_conv.weight": 1,
        "backbone.downsample_layers.1.0.weight": 2,
        "backbone.stages.1.0.gamma": 2,
        "backbone.downsample_layers.2.1.weight": 3,
        "backbone.stages.2.2.norm.bias": 3,
        "backbone.stages.2.3.gamma": 4,
        f"backbone.stages.2.{third - 1}.pointwise_conv1.weight": last - 1,
        "backbone.downsample_layers.3.0.weight": last,
        "backbone.stages.3.0.gamma": last,
        "backbone.norm3.weight": last + 1,
        "head.fc.bias": last + 1,
    }
    check(found, expected)


@pytest.mark.parametrize(
    ("backbone", "stem"),
    [
        ({"type": "ResNet", "depth": 18}, "backbone.bn1.weight"),
        ({"type": "ResNetV1d", "depth": 50}, "backbone.stem.2.conv.weight"),
    ],
)
def test_resnet(backbone, stem):
    small = {"stem_channels": 8, "base_channels": 8}
    expected = {
        stem: 0,
        "backbone.layer1.0.conv1.weight": 1,
        "backbone.layer2.0.bn1.weight": 2,
        "backbone.layer3.1.conv2.weight": 3,
        "backbone.layer4.1.bn2.bias": 4,
        "head.fc.weight": 5,
    }
    check(depths({**backbone, **small}, 32), expected)


def test_mobilenet_v2():
    found = depths({"type": "MobileNetV2", "widen_factor": 0.1}, 32)
    expected = {
        "backbone.conv1.conv.weight": 0,
        "backbone.layer1.0.conv.0.bn.bias": 1,
        "backbone.layer7.0.conv.2.conv.weight": 7,
        "backbone.conv2.bn.weight": 8,
        "head.fc.weight": 8,
    }
    check(found, expected)


def test_a_backbone_without_a_layout_is_refused_by_the_name_of_a_parameter():
    with pytest.raises(
        UserError, match=r"no backbone's layout says how deep 'backbone\.features\.x\.weight' is; there are layouts"
    ):
        layer_depths(["backbone.features.x.weight", "head.fc.weight"])
    with pytest.raises(UserError, match=r"'backbone\.bridge1\.0\.weight'"):
        layer_depths(["backbone.layer1.0.conv1.weight", "backbone.bridge1.0.weight"])
