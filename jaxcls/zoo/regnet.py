"""RegNet (Radosavovic et al. 2020, arXiv:2003.13678). The original's weights see BGR; Y is not in the original."""

from jaxcls.zoo.entry import IMAGENET, Entry, Preprocessing, linear_head, mmcls

_BGR = Preprocessing(mean=IMAGENET.mean[::-1], std=IMAGENET.std[::-1], bgr=True)


def _x(flops: str, channels: int, batch: str, top1: float, top5: float, version: str) -> Entry:
    row = mmcls(f"regnetx-{flops}_{batch}_in1k", top1, top5, f"regnet/{{}}_{version}.pth")
    name = f"regnetx_{flops}"
    backbone = dict(type="RegNet", arch=name)
    return Entry(name, backbone, linear_head(channels), preprocessing=_BGR, aliases=(row.name,), published=(row,))


def _y(flops: str, channels: int) -> Entry:
    name = f"regnety_{flops}"
    return Entry(name, dict(type="RegNet", arch=name), linear_head(channels))


ENTRIES = (
    _x("400mf", 384, "8xb128", 72.56, 90.78, "20211213-89bfc226"),
    _x("800mf", 672, "8xb128", 74.76, 92.32, "20211213-222b0f11"),
    _x("1.6gf", 912, "8xb128", 76.84, 93.31, "20211213-d1b89758"),
    _x("3.2gf", 1008, "8xb64", 78.09, 94.08, "20211213-1fdd82ae"),
    _x("4.0gf", 1360, "8xb64", 78.60, 94.17, "20211213-efed675c"),
    _x("6.4gf", 1624, "8xb64", 79.38, 94.65, "20211215-5c6089da"),
    _x("8.0gf", 1920, "8xb64", 79.12, 94.51, "20211213-9a9fcc76"),
    _x("12gf", 2240, "8xb64", 79.67, 95.03, "20211213-5df8c2f8"),
    _y("200mf", 368),
    _y("400mf", 440),
    _y("600mf", 608),
    _y("800mf", 768),
    _y("1.6gf", 888),
    _y("3.2gf", 1512),
    _y("4.0gf", 1088),
    _y("6.4gf", 1296),
    _y("8.0gf", 2016),
    _y("12gf", 2240),
    _y("16gf", 3024),
    _y("32gf", 3712),
)
