"""DINOv2 (Oquab et al. 2023, arXiv:2304.07193), its backbones with a linear head to be trained."""

from typing import Any

from jaxcls.zoo.entry import Entry, bicubic, linear_head


def _entry(name: str, arch: str, width: int, **arguments: Any) -> Entry:
    backbone = dict(type="VisionTransformer", arch=arch, img_size=518, patch_size=14, layer_scale_init_value=1e-5)
    return Entry(
        f"vit_{name}_p14_dinov2",
        backbone | dict(out_type="cls_token") | arguments,
        linear_head(width),
        neck=None,
        preprocessing=bicubic(518, 518),
        aliases=(f"vit-{name}-p14_dinov2-pre_headless",),
    )


ENTRIES = (
    _entry("small", "dinov2-small", 384),
    _entry("base", "base", 768),
    _entry("large", "large", 1024),
    _entry("giant", "dinov2-giant", 1536, layer_cfgs=dict(ffn_type="swiglu_fused")),
)
