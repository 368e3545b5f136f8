"""EfficientFormer (Li et al. 2022, arXiv:2206.01191)."""

from jaxcls.zoo.entry import Entry, bicubic, mmcls, pooling

_INIT_CFG = [
    dict(type="TruncNormal", layer=["Conv2d", "Linear"], std=0.02, bias=0.0),
    dict(type="Constant", layer=["GroupNorm"], val=1.0, bias=0.0),
    dict(type="Constant", layer=["LayerScale"], val=1e-5),
]


def _entry(arch: str, channels: int, top1: float, top5: float, version: str) -> Entry:
    name, file = f"efficientformer-{arch}", f"efficientformer/efficientformer-{arch}_3rdparty_in1k_{version}.pth"
    return Entry(
        f"efficientformer_{arch}",
        dict(type="EfficientFormer", arch=arch, drop_path_rate=0.0, init_cfg=_INIT_CFG),
        dict(type="EfficientFormerClsHead", num_classes=1000, in_channels=channels),
        neck=pooling(dim=1),
        preprocessing=bicubic(resize=248),
        aliases=(f"{name}_8xb128_in1k",),
        published=(mmcls(f"{name}_3rdparty_8xb128_in1k", top1, top5, file),),
    )


ENTRIES = (
    _entry("l1", 448, 80.46, 94.99, "20220803-d66e61df"),
    _entry("l3", 512, 82.45, 96.18, "20220803-dde1c8c5"),
    _entry("l7", 768, 83.40, 96.60, "20220803-41a552bb"),
)
