"""A small variant of each backbone, and what is known of it: the tests of all families read this table."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcls.models import build_classifier

GAP = {"type": "GlobalAveragePooling"}


@dataclasses.dataclass(frozen=True)
class Family:
    """A small variant.

    Attributes:
        arguments: of the backbone.
        width: of the features that the head sees; None: the backbone gives the logits.
        neck: its config, or None.
        head: its config; classes and width are filled in.
        size: pixels down and across.
        channels: of the images.
        least: the least size of images; None: only `size` will do.
        frozen: `frozen_stages` -> beginnings of the names of all frozen parameters.
        checkpointed: blocks that `with_cp` wraps; 0: the family has no such argument.
        wrong: arguments that are refused -> part of the message.
        exact: whether batch statistics of this variant are stable enough to compare two precisions.
    """

    arguments: dict[str, Any]
    width: int | None
    neck: dict[str, Any] | None = dataclasses.field(default_factory=lambda: GAP)
    head: str = "LinearClsHead"
    size: int = 16
    channels: int = 3
    least: int | None = 1
    frozen: dict[int, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    checkpointed: int = 0
    wrong: tuple[tuple[dict[str, Any], str], ...] = ()
    exact: bool = True


_RESNET = {"depth": 18, "stem_channels": 8, "base_channels": 8, "num_stages": 2, "out_indices": (1,)}
_RESNET |= {"drop_path_rate": 0.2}
_RESNET_FROZEN = {-1: (), 0: ("conv1.", "bn1."), 1: ("conv1.", "bn1.", "layer1."), 2: ("conv1.", "bn1.", "layer")}
_STEM_FROZEN = {-1: (), 0: ("stem.",), 1: ("stem.", "layer1.")}
_RESNET_WRONG = (
    ({"depth": 20}, "depth=20; allowed: 18"),
    ({"style": "tf"}, "style='tf'; allowed: pytorch, caffe"),
    ({"num_stages": 5}, "num_stages=5; allowed: 1 to 4"),
    ({"out_indices": 3}, "out_indices=3; allowed: -2 to 1"),
    ({"out_indices": ()}, "expected one index or several"),
    ({"out_indices": "3"}, "out_indices='3'"),
    ({"strides": (1,)}, r"strides=\(1,\); expected one a stage, 2 of them"),
    ({"dilations": 1}, "dilations=1; expected one a stage"),
    ({"frozen_stages": 9}, "frozen_stages=9; allowed: -1 to 2"),
)

FAMILIES = {
    "ConvNeXt": Family(
        {"arch": {"depths": (1, 2), "channels": (8, 16)}, "drop_path_rate": 0.2},
        16,
        neck=None,
        least=8,
        frozen={0: (), 1: ("downsample_layers.0.", "stages.0."), 2: ("downsample_layers.", "stages.")},
        checkpointed=3,
        wrong=(
            ({"arch": "tini"}, "arch='tini'; did you mean 'tiny'"),
            ({"arch": {"depths": (1,)}}, "a dict needs depths, channels"),
            ({"arch": {"depths": (1,), "channels": (8, 16)}}, "one of each a stage"),
            ({"arch": 3}, "arch=3; a dict needs"),
            ({"out_indices": (4,)}, r"out_indices=\(4,\); allowed: -2 to 1"),
            ({"frozen_stages": 5}, "frozen_stages=5; allowed: -1 to 2"),
        ),
    ),
    "LeNet5": Family({"num_classes": 8}, None, neck=None, head="ClsHead", size=32, least=32),
    "MlpMixer": Family(
        {
            "arch": {"embed_dims": 16, "num_layers": 1, "tokens_mlp_dims": 8, "channels_mlp_dims": 16},
            "img_size": 16,
            "patch_size": 4,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        16,
        neck={**GAP, "dim": 1},
        least=None,
        wrong=(({"out_indices": 1}, "out_indices=1; allowed: -1 to 0"),),
    ),
    "MobileNetV2": Family(
        {"widen_factor": 0.1},
        1280,
        size=32,
        frozen={
            -1: (),
            0: ("conv1.",),
            2: ("conv1.", "layer1.", "layer2."),
            7: ("conv1.", "layer"),
        },
        checkpointed=17,
        wrong=(
            ({"widen_factor": 0}, "widen_factor=0; allowed: above 0"),
            ({"out_indices": (8,)}, r"out_indices=\(8,\); allowed: -8 to 7"),
            ({"frozen_stages": 8}, "frozen_stages=8; allowed: -1 to 7"),
        ),
        exact=False,  # batch statistics of so few values, 17 blocks deep, enlarge any rounding
    ),
    "ResNet": Family(_RESNET, 16, frozen=_RESNET_FROZEN, checkpointed=4, wrong=_RESNET_WRONG, exact=False),
    "ResNetV1c": Family(_RESNET, 16, frozen=_STEM_FROZEN, checkpointed=4, exact=False),
    "ResNetV1d": Family(_RESNET, 16, frozen=_STEM_FROZEN, checkpointed=4, exact=False),
    "ResNet_CIFAR": Family(
        _RESNET,
        16,
        frozen=_RESNET_FROZEN,
        checkpointed=4,
        wrong=(*_RESNET_WRONG, ({"deep_stem": True}, "no deep stem")),
        exact=False,
    ),
    "SwinTransformer": Family(
        {
            "arch": {"embed_dims": 8, "depths": (2, 1), "num_heads": (2, 2)},
            "img_size": 16,
            "patch_size": 2,
            "window_size": 4,
            "out_indices": (1,),
            "use_abs_pos_embed": True,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        16,
        least=13,
        frozen={-1: (), 0: ("patch_embed.", "stages.0."), 1: ("patch_embed.", "stages.", "norm1.")},
        checkpointed=3,
        wrong=(
            ({"out_indices": (2,)}, r"out_indices=\(2,\); allowed: -2 to 1"),
            ({"frozen_stages": 2}, "frozen_stages=2; allowed: -1 to 1"),
        ),
    ),
    "VisionTransformer": Family(
        {
            "arch": {"embed_dims": 16, "num_layers": 2, "num_heads": 2, "feedforward_channels": 16},
            "img_size": 16,
            "patch_size": 4,
            "drop_rate": 0.1,
            "drop_path_rate": 0.2,
        },
        16,
        neck=None,
        head="VisionTransformerClsHead",
        frozen={
            -1: (),
            0: (),
            1: ("patch_embed.", "cls_token", "pos_embed", "layers.0."),
            2: ("patch_embed.", "cls_token", "pos_embed", "layers.", "ln1."),
        },
        checkpointed=2,
        wrong=(
            ({"output_cls_token": True, "with_cls_token": False}, "needs with_cls_token=True"),
            ({"out_indices": (2,)}, r"out_indices=\(2,\); allowed: -2 to 1"),
            ({"frozen_stages": 3}, "frozen_stages=3; allowed: -1 to 2"),
        ),
    ),
}


def classifier(name: str, num_classes: int = 8, **changes: Any) -> nn.Module:
    """The small variant, `changes` among its backbone's arguments."""
    family = FAMILIES[name]
    head = {"type": family.head}
    if family.width is not None:
        head |= {"num_classes": num_classes, "in_channels": family.width}
    backbone = {"type": name, **family.arguments, **changes}
    return build_classifier({"type": "ImageClassifier", "backbone": backbone, "neck": family.neck, "head": head})


def images(name: str, count: int = 8, size: int | None = None) -> np.ndarray:
    """Random images for it, (count, H, W, C) float32."""
    family = FAMILIES[name]
    shape = (count, *[size or family.size] * 2, family.channels)
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def shapes(name: str, size: int | None = None, **changes: Any) -> Any:
    """The variables' shapes."""
    spec = jax.ShapeDtypeStruct(images(name, 1, size).shape, jnp.float32)
    return jax.eval_shape(classifier(name, **changes).init, jax.random.key(0), spec)
