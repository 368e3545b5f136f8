"""RepVGG (Ding et al. 2021, arXiv:2101.03697)."""

from jaxcls.zoo.entry import PILLOW, Entry, label_smoothing, linear_head, mmcls

_PLAIN, _STRONG = "4xb64-coslr-120e_in1k", "4xb64-autoaug-lbs-mixup-coslr-200e_in1k"


def _entry(arch: str, channels: int, recipe: str, top1: float, top5: float, version: str) -> Entry:
    head = linear_head(channels) if recipe == _PLAIN else linear_head(channels, loss=label_smoothing("classy_vision"))
    return Entry(
        f"repvgg_{arch.lower()}",
        dict(type="RepVGG", arch=arch, out_indices=(3,)),
        head,
        preprocessing=PILLOW,
        aliases=(f"repvgg-{arch}_{recipe}",),
        published=(mmcls(f"repvgg-{arch}_3rdparty_{recipe}", top1, top5, f"repvgg/{{}}_{version}.pth"),),
    )


ENTRIES = (
    _entry("A0", 1280, _PLAIN, 72.41, 90.50, "20210909-883ab98c"),
    _entry("A1", 1280, _PLAIN, 74.47, 91.85, "20210909-24003a24"),
    _entry("A2", 1408, _PLAIN, 76.48, 93.01, "20210909-97d7695a"),
    _entry("B0", 1280, _PLAIN, 75.14, 92.42, "20210909-446375f4"),
    _entry("B1", 2048, _PLAIN, 78.37, 94.11, "20210909-750cdf67"),
    _entry("B1g2", 2048, _PLAIN, 77.79, 93.88, "20210909-344f6422"),
    _entry("B1g4", 2048, _PLAIN, 77.58, 93.84, "20210909-d4c1a642"),
    _entry("B2", 2560, _PLAIN, 78.78, 94.42, "20210909-bd6b937c"),
    _entry("B2g4", 2560, _STRONG, 79.38, 94.68, "20210909-7b7955f0"),
    _entry("B3", 2560, _STRONG, 80.52, 95.26, "20210909-dda968bf"),
    _entry("B3g4", 2560, _STRONG, 80.22, 95.10, "20210909-4e54846a"),
    _entry("D2se", 2560, _STRONG, 81.81, 95.94, "20210909-cf3139b7"),
)
