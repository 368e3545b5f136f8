"""BEiT (Bao et al. 2022, arXiv:2106.08254) and BEiT v2 (Peng et al. 2022, arXiv:2208.06366)."""

from typing import Any

from jaxcls.zoo.entry import HALF, Entry, Published, bicubic, label_smoothing, linear_head, mmpretrain

_BACKBONE = dict(type="BEiTViT", arch="base", img_size=224, patch_size=16, drop_path_rate=0.1, out_type="avg_featmap")
_SELFSUP = "mmselfsup/1.x/{0}/{0}_vit-base-p16_8xb256-amp-coslr-300e_in1k/"
_TUNED = "vit-base-p16_ft-8xb128-coslr-100e_in1k"


def _tuned(version: str, top1: float, name: str, date: str) -> Published:
    file = f"{_SELFSUP.format(version)}{_TUNED}/{_TUNED}_{date}.pth"
    return mmpretrain(name, top1, None, file)


def _entry(name: str, *rows: Published, **pixels: Any) -> Entry:
    init_cfg = [dict(type="TruncNormal", layer="Linear", std=0.02)]
    return Entry(
        name,
        _BACKBONE,
        linear_head(768, loss=label_smoothing(), init_cfg=init_cfg),
        neck=None,
        preprocessing=bicubic(**pixels),
        published=rows,
    )


ENTRIES = (
    _entry(
        "beit_base_p16",
        mmpretrain(
            "beit-base-p16_beit-in21k-pre_3rdparty_in1k",
            85.28,
            97.59,
            "mmclassification/v0/beit/beit-base_3rdparty_in1k_20221114-c0a4df23.pth",
        ),
        _tuned("beit", 83.1, "beit-base-p16_beit-pre_8xb128-coslr-100e_in1k", "20221128-0ca393e9"),
        **HALF,
    ),
    _entry(
        "beitv2_base_p16",
        mmpretrain(
            "beit-base-p16_beitv2-in21k-pre_3rdparty_in1k",
            86.47,
            97.99,
            "mmclassification/v0/beit/beitv2-base_3rdparty_in1k_20221114-73e11905.pth",
        ),
        _tuned("beitv2", 85.0, "beit-base-p16_beitv2-pre_8xb128-coslr-100e_in1k", "20221212-d1c0789e"),
    ),
)
