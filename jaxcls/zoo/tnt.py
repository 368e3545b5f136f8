"""Transformer in Transformer (Han et al. 2021, arXiv:2103.00112)."""

from jaxcls.zoo.entry import HALF, Entry, bicubic, label_smoothing, linear_head, mmcls

ENTRIES = (
    Entry(
        "tnt_small_p16",
        dict(type="TNT", arch="s", img_size=224, patch_size=16, drop_path_rate=0.1),
        linear_head(384, loss=label_smoothing(), init_cfg=dict(type="TruncNormal", layer="Linear", std=0.02)),
        neck=None,
        preprocessing=bicubic(resize=248, **HALF),
        aliases=("tnt-s-p16_16xb64_in1k",),
        published=(mmcls("tnt-small-p16_3rdparty_in1k", 81.52, 95.73, "tnt/{}_20210903-c56ee7df.pth"),),
    ),
)
