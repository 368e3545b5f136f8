"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381)."""

from jaxcls.zoo.entry import PILLOW, Entry, linear_head, mmcls

_FILE = "mobilenet_v2/mobilenet_v2_batch256_imagenet_20200708-3b2dc3af.pth"

ENTRIES = (
    Entry(
        "mobilenet_v2",
        dict(type="MobileNetV2", widen_factor=1.0),
        linear_head(1280, topk=(1, 5)),
        preprocessing=PILLOW,
        aliases=("mobilenet-v2_8xb32_in1k",),
        published=(mmcls("mobilenet-v2_8xb32_in1k", 71.86, 90.42, _FILE),),
    ),
)
