"""ResNeXt (Xie et al. 2017, arXiv:1611.05431)."""

from jaxcls.zoo.entry import PILLOW, Entry, linear_head, mmcls


def _entry(depth: int, width: int, top1: float, top5: float, version: str) -> Entry:
    alias = f"resnext{depth}-32x{width}d_8xb32_in1k"
    file = f"resnext/resnext{depth}_32x{width}d_b32x8_imagenet_{version}.pth"
    return Entry(
        f"resnext{depth}_32x{width}d",
        dict(type="ResNeXt", depth=depth, groups=32, width_per_group=width),
        linear_head(2048),
        preprocessing=PILLOW,
        aliases=(alias,),
        published=(mmcls(alias, top1, top5, file),),
    )


ENTRIES = (
    _entry(50, 4, 77.90, 93.66, "20210429-56066e27"),
    _entry(101, 4, 78.61, 94.17, "20210506-e0fa3dd5"),
    _entry(101, 8, 79.27, 94.58, "20210506-23a247d5"),
    _entry(152, 4, 78.88, 94.33, "20210524-927787be"),
)
