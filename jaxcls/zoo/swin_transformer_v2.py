"""Swin Transformer V2 (Liu et al. 2022, arXiv:2111.09883). `w16`: windows of 16 x 16 tokens."""

from typing import Any

from jaxcls.zoo.entry import TRUNCATED_NORMAL, Entry, Published, bicubic, label_smoothing, linear_head, mmcls

_ARCHS = {"tiny": (768, 0.2), "small": (768, 0.3), "base": (1024, 0.5), "large": (1536, 0.2)}
_IMAGES = {8: bicubic(256, 292), 16: bicubic(256, 292), 24: bicubic(384, None), 12: bicubic(192, 219)}


def _entry(arch: str, window: int, row: Published, after_21k: bool = False) -> Entry:
    channels, drop_path_rate = _ARCHS[arch]
    size = _IMAGES[window].size
    backbone: dict[str, Any] = dict(type="SwinTransformerV2", arch=arch, img_size=size)
    backbone |= dict(drop_path_rate=0.2 if after_21k else drop_path_rate)
    if window != 8:
        backbone |= dict(window_size=(window, window, window, window // 2))
    if after_21k:
        backbone |= dict(pretrained_window_sizes=(12, 12, 12, 6))
    smooth = arch != "large"
    head: dict[str, Any] = dict(init_cfg=None, loss=label_smoothing()) if smooth else {}
    return Entry(
        f"swinv2_{arch}_w{window}" + ("_in21k_pre" if after_21k else ""),
        backbone,
        linear_head(channels, **head),
        preprocessing=_IMAGES[window],
        aliases=(f"swinv2-{arch}-w{window}" + ("_in21k-pre" if after_21k else "") + f"_16xb64_in1k-{size}px",),
        published=(row,),
        arguments=dict(init_cfg=TRUNCATED_NORMAL) if smooth and window != 24 else {},
    )


def _of_21k(arch: str, row: Published) -> Entry:
    backbone = dict(type="SwinTransformerV2", arch=arch, img_size=192, drop_path_rate=0.2, window_size=(12, 12, 12, 6))
    head = linear_head(_ARCHS[arch][0], 21841)
    return Entry(f"swinv2_{arch}_w12_in21k", backbone, head, preprocessing=_IMAGES[12], classes="", published=(row,))


def _row(name: str, top1: float | None, top5: float | None, file: str) -> Published:
    return mmcls(f"swinv2-{name}px", top1, top5, f"swin-v2/{file}.pth")


ENTRIES = (
    _entry("tiny", 8, _row("tiny-w8_3rdparty_in1k-256", 81.76, 95.87, "{}_20220803-e318968f")),
    _entry("tiny", 16, _row("tiny-w16_3rdparty_in1k-256", 82.81, 96.23, "{}_20220803-9651cdd7")),
    _entry("small", 8, _row("small-w8_3rdparty_in1k-256", 83.74, 96.60, "{}_20220803-b01a4332")),
    _entry("small", 16, _row("small-w16_3rdparty_in1k-256", 84.13, 96.83, "{}_20220803-b707d206")),
    _entry("base", 8, _row("base-w8_3rdparty_in1k-256", 84.20, 96.86, "{}_20220803-8ff28f2b")),
    _entry("base", 16, _row("base-w16_3rdparty_in1k-256", 84.60, 97.05, "{}_20220803-5a1886b7")),
    _entry("base", 16, _row("base-w16_in21k-pre_3rdparty_in1k-256", 86.17, 97.88, "{}_20220803-8d7aa8ad"), True),
    _entry("base", 24, _row("base-w24_in21k-pre_3rdparty_in1k-384", 87.14, 98.23, "{}_20220803-44eb70f8"), True),
    _entry("large", 16, _row("large-w16_in21k-pre_3rdparty_in1k-256", 86.93, 98.06, "{}_20220803-c40cbed7"), True),
    _entry("large", 24, _row("large-w24_in21k-pre_3rdparty_in1k-384", 87.59, 98.27, "{}_20220803-3b36c165"), True),
    _of_21k("base", _row("base-w12_3rdparty_in21k-192", None, None, "pretrain/{}_20220803-f7dc9763")),
    _of_21k("large", _row("large-w12_3rdparty_in21k-192", None, None, "pretrain/{}_20220803-d9073fee")),
)
