"""DenseNet (Huang et al. 2017, arXiv:1608.06993)."""

from jaxcls.zoo.entry import Entry, linear_head, mmcls


def _entry(arch: str, channels: int, top1: float, top5: float, version: str) -> Entry:
    row = mmcls(f"densenet{arch}_4xb256_in1k", top1, top5, f"densenet/{{}}_{version}.pth")
    backbone = dict(type="DenseNet", arch=arch)
    return Entry(f"densenet{arch}", backbone, linear_head(channels), aliases=(row.name,), published=(row,))


ENTRIES = (
    _entry("121", 1024, 74.96, 92.21, "20220426-07450f99"),
    _entry("169", 1664, 76.08, 93.11, "20220426-a2889902"),
    _entry("201", 1920, 77.32, 93.64, "20220426-05cae4ef"),
    _entry("161", 2208, 77.61, 93.83, "20220426-ee6a80a9"),
)
