"""Wide ResNet (Zagoruyko and Komodakis 2016, arXiv:1605.07146), as torchvision has it: bottlenecks twice as wide."""

from jaxcls.zoo.entry import BICUBIC, PILLOW, Entry, Published, linear_head, mmcls


def _entry(depth: int, *rows: Published) -> Entry:
    return Entry(
        f"wide_resnet{depth}",
        dict(type="ResNet", depth=depth, stem_channels=64, base_channels=128, expansion=2),
        linear_head(2048, topk=(1, 5)),
        preprocessing=PILLOW,
        aliases=(f"wide-resnet{depth}_8xb32_in1k",),
        published=rows,
    )


_TORCHVISION = "wide-resnet50_3rdparty_8xb32_in1k", 78.48, 94.08, "wrn/{}_20220304-66678344.pth"
_TIMM = "wide-resnet50_3rdparty-timm_8xb32_in1k", 81.45, 95.53, "wrn/{}_20220304-83ae4399.pth"

ENTRIES = (
    _entry(50, mmcls(*_TORCHVISION), mmcls(*_TIMM, BICUBIC, "wide-resnet50_timm_8xb32_in1k")),
    _entry(101, mmcls("wide-resnet101_3rdparty_8xb32_in1k", 78.84, 94.28, "wrn/{}_20220304-8d5f9d61.pth")),
)
