"""HRNet (Wang et al. 2020, arXiv:1908.07919)."""

from jaxcls.zoo.entry import PILLOW, Entry, linear_head, mmcls


def _entry(width: int, *published: tuple[str, float, float, str]) -> Entry:
    name = f"hrnet-w{width}"
    rows = [
        mmcls(f"{name}_3rdparty_8xb32{kind}_in1k", top1, top5, f"hrnet/{{}}_{version}.pth")
        for kind, top1, top5, version in published
    ]
    return Entry(
        f"hrnet_w{width}",
        dict(type="HRNet", arch=f"w{width}"),
        linear_head(2048),
        neck=(
            dict(type="HRFuseScales", in_channels=tuple(width * 2**i for i in range(4))),
            dict(type="GlobalAveragePooling"),
        ),
        preprocessing=PILLOW,
        aliases=(f"{name}_4xb32_in1k",),
        published=tuple(rows),
    )


ENTRIES = (
    _entry(18, ("", 76.75, 93.44, "20220120-0c10b180"), ("-ssld", 81.06, 95.70, "20220120-455f69ea")),
    _entry(30, ("", 78.19, 94.22, "20220120-8aa3832f")),
    _entry(32, ("", 78.44, 94.19, "20220120-c394f1ab")),
    _entry(40, ("", 78.94, 94.47, "20220120-9a2dbfc5")),
    _entry(44, ("", 78.88, 94.37, "20220120-35d07f73")),
    _entry(48, ("", 79.32, 94.52, "20220120-e555ef50"), ("-ssld", 83.63, 96.79, "20220120-d0459c38")),
    _entry(64, ("", 79.46, 94.65, "20220120-19126642")),
)
