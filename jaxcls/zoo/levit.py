"""LeViT (Graham et al. 2021, arXiv:2104.01136)."""

from jaxcls.zoo.entry import BICUBIC, Entry, label_smoothing, mmpretrain


def _entry(arch: str, channels: int, top1: float, top5: float, version: str, drop_path_rate: float = 0.0) -> Entry:
    row = mmpretrain(
        f"levit-{arch}_3rdparty_in1k", top1, top5, f"mmclassification/v0/levit/{{}}_20230117-{version}.pth"
    )
    return Entry(
        f"levit_{arch}",
        dict(type="LeViT", arch=arch, drop_path_rate=drop_path_rate),
        dict(type="LeViTClsHead", num_classes=1000, in_channels=channels, loss=label_smoothing()),
        preprocessing=BICUBIC,
        aliases=(f"levit-{arch}_8xb256_in1k",),
        published=(row,),
    )


ENTRIES = (
    _entry("128s", 384, 76.51, 92.90, "e9fbd209"),
    _entry("128", 384, 78.58, 93.95, "3be02a02"),
    _entry("192", 384, 79.86, 94.75, "8217a0f9"),
    _entry("256", 512, 81.59, 95.46, "5ae2ce7d"),
    _entry("384", 768, 82.59, 95.95, "f3539cce", 0.1),
)
