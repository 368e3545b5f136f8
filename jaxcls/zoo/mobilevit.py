"""MobileViT (Mehta & Rastegari 2022, arXiv:2110.02178)."""

from jaxcls.zoo.entry import Entry, Preprocessing, linear_head, mmpretrain

# pixels from 0 to 1, blue first
_PREPROCESSING = Preprocessing(256, 288, mean=(0.0,) * 3, std=(255.0,) * 3, bgr=True)


def _entry(arch: str, channels: int, top1: float, top5: float, version: str) -> Entry:
    name = f"mobilevit-{arch.replace('_', '')}"
    row = mmpretrain(f"{name}_3rdparty_in1k", top1, top5, f"mmclassification/v0/mobilevit/{{}}_20221018-{version}.pth")
    return Entry(
        f"mobilevit_{arch.replace('_', '')}",
        dict(type="MobileViT", arch=arch),
        linear_head(channels),
        preprocessing=_PREPROCESSING,
        aliases=(f"{name}_8xb128_in1k",),
        published=(row,),
    )


ENTRIES = (
    _entry("small", 640, 78.25, 94.09, "cb4f741c"),
    _entry("x_small", 384, 74.75, 92.32, "be39a6e7"),
    _entry("xx_small", 320, 69.02, 88.91, "77835605"),
)
