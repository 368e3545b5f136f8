"""MobileNetV3 (Howard et al. 2019, arXiv:1905.02244)."""

from jaxcls.zoo.entry import PILLOW, Entry, mmcls


def _entry(arch: str, channels: int, hidden: int, top1: float, top5: float, version: str) -> Entry:
    head = dict(type="StackedLinearClsHead", num_classes=1000, in_channels=channels, mid_channels=[hidden])
    head |= dict(dropout_rate=0.2, act_cfg=dict(type="HSwish"), loss=dict(type="CrossEntropyLoss", loss_weight=1.0))
    head |= dict(init_cfg=dict(type="Normal", layer="Linear", mean=0.0, std=0.01, bias=0.0))
    file = f"mobilenet_v3/convert/mobilenet_v3_{arch}-{version}.pth"
    return Entry(
        f"mobilenet_v3_{arch}",
        dict(type="MobileNetV3", arch=arch),
        head,
        preprocessing=PILLOW,
        aliases=(f"mobilenet-v3-{arch}_8xb32_in1k",),
        published=(mmcls(f"mobilenet_v3_{arch}_imagenet", top1, top5, file),),
    )


ENTRIES = (
    _entry("small", 576, 1024, 67.66, 87.41, "8427ecf0"),
    _entry("large", 960, 1280, 74.04, 91.34, "3ea3c186"),
)
