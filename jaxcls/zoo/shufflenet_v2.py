"""ShuffleNetV2 (Ma et al. 2018, arXiv:1807.11164)."""

from jaxcls.zoo.entry import PILLOW, Entry, linear_head, mmcls

_FILE = "shufflenet_v2/shufflenet_v2_batch1024_imagenet_20200812-5bf4721e.pth"

ENTRIES = (
    Entry(
        "shufflenet_v2_1x",
        dict(type="ShuffleNetV2", widen_factor=1.0),
        linear_head(1024),
        preprocessing=PILLOW,
        aliases=("shufflenet-v2-1x_16xb64_in1k",),
        published=(mmcls("shufflenet-v2-1x_16xb64_in1k", 69.55, 88.92, _FILE),),
    ),
)
