"""CSPNet (Wang et al. 2020, arXiv:1911.11929)."""

from jaxcls.zoo.entry import BICUBIC, Entry, Preprocessing, bicubic, linear_head, mmcls


def _entry(kind: str, depth: int, channels: int, numbers: tuple[float, float, str], images: Preprocessing) -> Entry:
    top1, top5, version = numbers
    alias = f"{kind.lower()}50"  # the original's, of DarkNet-53 too
    return Entry(
        f"{kind.lower()}{depth}",
        dict(type=kind, depth=depth),
        linear_head(channels),
        preprocessing=images,
        aliases=(f"{alias}_8xb32_in1k",),
        published=(mmcls(f"{alias}_3rdparty_8xb32_in1k", top1, top5, f"cspnet/{{}}_{version}.pth"),),
    )


ENTRIES = (
    _entry("CSPResNet", 50, 1024, (79.55, 94.68, "20220329-dd6dddfb"), bicubic(256, 288)),
    _entry("CSPDarkNet", 53, 1024, (80.05, 95.07, "20220329-bd275287"), bicubic(256, 288)),
    _entry("CSPResNeXt", 50, 2048, (79.96, 94.96, "20220329-2cc84d21"), BICUBIC),
)
