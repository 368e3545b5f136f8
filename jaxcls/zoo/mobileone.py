"""MobileOne (Vasu et al. 2022, arXiv:2206.04040)."""

from jaxcls.zoo.entry import PILLOW, Entry, label_smoothing, linear_head, mmpretrain


def _entry(arch: str, channels: int, top1: float, top5: float, version: str) -> Entry:
    name = f"mobileone-{arch}_8xb32_in1k"
    row = mmpretrain(name, top1, top5, f"mmclassification/v0/mobileone/{{}}_20221110-{version}.pth")
    return Entry(
        f"mobileone_{arch}",
        dict(type="MobileOne", arch=arch, out_indices=(3,)),
        linear_head(channels, loss=label_smoothing()),
        preprocessing=PILLOW,
        published=(row,),
    )


ENTRIES = (
    _entry("s0", 1024, 71.34, 89.87, "0bc94952"),
    _entry("s1", 1280, 75.72, 92.54, "ceeef467"),
    _entry("s2", 2048, 77.37, 93.34, "9c7ecb97"),
    _entry("s3", 2048, 78.06, 93.83, "c95eb3bf"),
    _entry("s4", 2048, 79.69, 94.46, "28d888cb"),
)
