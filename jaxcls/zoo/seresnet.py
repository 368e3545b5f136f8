"""SE-ResNet and SE-ResNeXt (Hu et al. 2018, Squeeze-and-Excitation Networks, arXiv:1709.01507)."""

from jaxcls.zoo.entry import PILLOW, Entry, linear_head, mmcls


def _resnet(depth: int, top1: float, top5: float, version: str) -> Entry:
    name = f"seresnet{depth}"
    row = mmcls(f"{name}_8xb32_in1k", top1, top5, f"se-resnet/se-resnet{depth}_batch256_imagenet_{version}.pth")
    backbone = dict(type="SEResNet", depth=depth)
    return Entry(name, backbone, linear_head(2048), preprocessing=PILLOW, aliases=(row.name,), published=(row,))


def _resnext(depth: int) -> Entry:
    return Entry(
        f"seresnext{depth}_32x4d",
        dict(type="SEResNeXt", depth=depth, groups=32, width_per_group=4),
        linear_head(2048),
        preprocessing=PILLOW,
        aliases=(f"seresnext{depth}-32x4d_8xb32_in1k",),
    )


ENTRIES = (
    _resnet(50, 77.74, 93.84, "20200804-ae206104"),
    _resnet(101, 78.26, 94.07, "20200804-ba5b51d4"),
    _resnext(50),
    _resnext(101),
)
