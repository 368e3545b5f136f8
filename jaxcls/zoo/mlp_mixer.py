"""MLP-Mixer (Tolstikhin et al. 2021, arXiv:2105.01601)."""

from jaxcls.zoo.entry import HALF, Entry, Preprocessing, linear_head, mmcls, pooling

_INIT_CFG = [dict(type="Kaiming", layer="Conv2d", mode="fan_in", nonlinearity="linear")]


def _entry(arch: str, width: int, top1: float, top5: float, version: str) -> Entry:
    name, file = f"mlp-mixer-{arch}-p16", f"mlp-mixer/mixer-{arch}-p16_3rdparty_64xb64_in1k_{version}.pth"
    return Entry(
        f"mlp_mixer_{arch}_p16",
        dict(type="MlpMixer", arch=arch, img_size=224, patch_size=16, drop_rate=0.1, init_cfg=_INIT_CFG),
        linear_head(width, topk=(1, 5)),
        neck=pooling(dim=1),
        preprocessing=Preprocessing(interpolation="bicubic", **HALF),
        aliases=(f"{name}_64xb64_in1k",),
        published=(mmcls(f"{name}_3rdparty_64xb64_in1k", top1, top5, file),),
    )


ENTRIES = (
    _entry("base", 768, 76.68, 92.25, "20211124-1377e3e0"),
    _entry("large", 1024, 72.34, 88.02, "20211124-5a2519d2"),
)
