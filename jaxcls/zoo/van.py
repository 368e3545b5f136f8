"""VAN (Guo et al. 2022, Visual Attention Network, arXiv:2202.09741)."""

from typing import Any

from jaxcls.zoo.entry import HALF, TRUNCATED_NORMAL, Entry, Published, bicubic, label_smoothing, linear_head, mmcls


def _entry(arch: str, channels: int, drop_path_rate: float, *rows: Published, **arguments: Any) -> Entry:
    return Entry(
        f"van_{arch}",
        dict(type="VAN", arch=arch, drop_path_rate=drop_path_rate),
        linear_head(channels, init_cfg=None, loss=label_smoothing()),
        preprocessing=bicubic(resize=248, **HALF),
        aliases=(f"van-{arch}_8xb128_in1k",) if rows else (),
        published=rows,
        arguments=arguments,
    )


def _row(arch: str, top1: float, top5: float, file: str) -> Published:
    return mmcls(f"van-{arch}_3rdparty_in1k", top1, top5, f"van/van-{file}.pth")


_INIT = dict(init_cfg=TRUNCATED_NORMAL)
ENTRIES = (
    _entry("b0", 256, 0.1, _row("b0", 75.41, 93.02, "tiny_8xb128_in1k_20220501-385941af"), **_INIT),
    _entry("b1", 512, 0.1, _row("b1", 81.01, 95.63, "small_8xb128_in1k_20220501-17bc91aa"), **_INIT),
    _entry("b2", 512, 0.1, _row("b2", 82.80, 96.21, "base_8xb128_in1k_20220501-6a4cc31b")),
    _entry("b3", 512, 0.2, _row("b3", 83.86, 96.73, "large_8xb128_in1k_20220501-f212ba21")),
    _entry("b4", 512, 0.2, _row("b4", 84.13, 96.86, "b4_3rdparty_in1k_20220909-f4665b92")),
    _entry("b5", 768, 0.2),
    _entry("b6", 768, 0.2),
)
