"""Res2Net (Gao et al. 2021, arXiv:1904.01169)."""

from jaxcls.zoo.entry import PILLOW, Entry, linear_head, mmcls


def _entry(depth: int, width: int, scales: int, top1: float, top5: float, version: str) -> Entry:
    name = f"res2net{depth}-w{width}-s{scales}"
    row = mmcls(f"{name}_3rdparty_8xb32_in1k", top1, top5, f"res2net/{{}}_{version}.pth")
    return Entry(
        name.replace("-", "_"),
        dict(type="Res2Net", depth=depth, scales=scales, base_width=width, deep_stem=False, avg_down=False),
        linear_head(2048),
        preprocessing=PILLOW,
        aliases=(f"{name}_8xb32_in1k",),
        published=(row,),
    )


ENTRIES = (
    _entry(50, 14, 8, 78.14, 93.85, "20210927-bc967bf1"),
    _entry(50, 26, 8, 79.20, 94.36, "20210927-f547a94b"),
    _entry(101, 26, 4, 79.19, 94.44, "20210927-870b6c36"),
)
