"""ShuffleNetV1 (Zhang et al. 2018, arXiv:1707.01083)."""

from jaxcls.zoo.entry import PILLOW, Entry, linear_head, mmcls

_FILE = "shufflenet_v1/shufflenet_v1_batch1024_imagenet_20200804-5d6cec73.pth"

ENTRIES = (
    Entry(
        "shufflenet_v1_1x",
        dict(type="ShuffleNetV1", groups=3),
        linear_head(960),
        preprocessing=PILLOW,
        aliases=("shufflenet-v1-1x_16xb64_in1k",),
        published=(mmcls("shufflenet-v1-1x_16xb64_in1k", 68.13, 87.81, _FILE),),
    ),
)
