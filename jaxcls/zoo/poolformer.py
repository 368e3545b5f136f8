"""PoolFormer (Yu et al. 2022, MetaFormer Is Actually What You Need for Vision, arXiv:2111.11418)."""

from jaxcls.zoo.entry import Entry, bicubic, linear_head, mmcls

_INIT_CFG = [
    dict(type="TruncNormal", layer=["Conv2d", "Linear"], std=0.02, bias=0.0),
    dict(type="Constant", layer=["GroupNorm"], val=1.0, bias=0.0),
]


def _entry(arch: str, channels: int, resize: int, top1: float, top5: float, version: str) -> Entry:
    name = f"poolformer-{arch}"
    return Entry(
        f"poolformer_{arch}",
        dict(type="PoolFormer", arch=arch, drop_path_rate=0.1, init_cfg=_INIT_CFG),
        linear_head(channels),
        preprocessing=bicubic(resize=resize),
        aliases=(f"{name}_32xb128_in1k",),
        published=(mmcls(f"{name}_3rdparty_32xb128_in1k", top1, top5, f"poolformer/{{}}_{version}.pth"),),
    )


ENTRIES = (
    _entry("s12", 512, 248, 77.24, 93.51, "20220414-f8d83051"),
    _entry("s24", 512, 248, 80.33, 95.05, "20220414-d7055904"),
    _entry("s36", 512, 248, 81.43, 95.45, "20220414-d78ff3e8"),
    _entry("m36", 768, 236, 82.14, 95.71, "20220414-c55e0949"),
    _entry("m48", 768, 236, 82.51, 95.95, "20220414-9378f3eb"),
)
