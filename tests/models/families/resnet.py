from __future__ import annotations

from tests.models.families.family import Family

_RESNET = {"depth": 18, "stem_channels": 8, "base_channels": 8, "num_stages": 2, "out_indices": (1,)}
_RESNET |= {"drop_path_rate": 0.2}
_RESNET_FROZEN = {-1: (), 0: ("conv1.", "bn1."), 1: ("conv1.", "bn1.", "layer1.")}
_STEM_FROZEN = {-1: (), 0: ("stem.",), 1: ("stem.", "layer1.")}
_RESNET_WRONG = (
    ({"depth": 20}, "depth=20; allowed: 18"),
    ({"style": "tf"}, "style='tf'; allowed: pytorch, caffe"),
    ({"num_stages": 5}, "num_stages=5; allowed: 1 to 4"),
    ({"out_indices": 3}, "out_indices=3; allowed: -2 to 1"),
    ({"out_indices": ()}, "expected one index or several"),
    ({"out_indices": "3"}, "out_indices: '3'; expected a whole number"),
    ({"strides": (1,)}, r"strides=\(1,\); expected one a stage, 2 of them"),
    ({"dilations": 1}, "dilations: 1; expected a list of whole numbers"),
    ({"frozen_stages": 9}, "frozen_stages=9; allowed: -1 to 2"),
)
_BOTTLENECKS = {"depth": 50, "stem_channels": 8, "base_channels": 8, "num_stages": 1, "out_indices": (0,)}
_BOTTLENECK_WRONG = (
    ({"depth": 18}, "depth=18; allowed: 50, 101, 152"),
    ({"out_indices": (1,)}, r"out_indices=\(1,\); allowed: -1 to 0"),
    ({"frozen_stages": 2}, "frozen_stages=2; allowed: -1 to 1"),
)

FAMILIES = {
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
    "Res2Net": Family(
        _BOTTLENECKS | {"base_width": 4, "scales": 3, "drop_path_rate": 0.2},
        32,
        frozen=_STEM_FROZEN,
        checkpointed=3,
        wrong=(({"scales": 1}, "scales=1; at least 2"), *_BOTTLENECK_WRONG),
        exact=False,
    ),
    "ResNeXt": Family(
        _BOTTLENECKS | {"groups": 2}, 32, frozen=_RESNET_FROZEN, checkpointed=3, wrong=_BOTTLENECK_WRONG, exact=False
    ),
    "SEResNet": Family(_BOTTLENECKS, 32, frozen=_RESNET_FROZEN, checkpointed=3, wrong=_BOTTLENECK_WRONG, exact=False),
    "SEResNeXt": Family(
        _BOTTLENECKS | {"groups": 2}, 32, frozen=_RESNET_FROZEN, checkpointed=3, wrong=_BOTTLENECK_WRONG, exact=False
    ),
}
