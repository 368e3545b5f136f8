"""VGG (Simonyan and Zisserman 2015, arXiv:1409.1556)."""

from jaxcls.zoo.entry import IMAGENET, PILLOW, Entry, Published, classes_of_backbone, mmcls


def _entry(depth: int, row: Published, norm: str = "") -> Entry:
    backbone = dict(type="VGG", depth=depth, num_classes=1000) | (dict(norm_cfg=dict(type="BN")) if norm else {})
    return Entry(
        f"vgg{depth}" + norm,
        backbone,
        classes_of_backbone(),
        neck=None,
        preprocessing=PILLOW,
        aliases=(row.name,),
        published=(row,),
    )


ENTRIES = (
    _entry(11, mmcls("vgg11_8xb32_in1k", 68.75, 88.87, "vgg/vgg11_batch256_imagenet_20210208-4271cd6c.pth")),
    _entry(13, mmcls("vgg13_8xb32_in1k", 70.02, 89.46, "vgg/vgg13_batch256_imagenet_20210208-4d1d6080.pth")),
    _entry(16, mmcls("vgg16_8xb32_in1k", 71.62, 90.49, "vgg/vgg16_batch256_imagenet_20210208-db26f1a5.pth")),
    _entry(19, mmcls("vgg19_8xb32_in1k", 72.41, 90.80, "vgg/vgg19_batch256_imagenet_20210208-e6920e4a.pth")),
    _entry(11, mmcls("vgg11bn_8xb32_in1k", 70.67, 90.16, "vgg/vgg11_bn_batch256_imagenet_20210207-f244902c.pth"), "bn"),
    _entry(13, mmcls("vgg13bn_8xb32_in1k", 72.12, 90.66, "vgg/vgg13_bn_batch256_imagenet_20210207-1a8b7864.pth"), "bn"),
    _entry(16, mmcls("vgg16bn_8xb32_in1k", 73.74, 91.66, "vgg/vgg16_bn_batch256_imagenet_20210208-7e55cd29.pth"), "bn"),
    _entry(19, mmcls("vgg19bn_8xb32_in1k", 74.68, 92.27, "vgg/vgg19_bn_batch256_imagenet_20210208-da620c4f.pth"), "bn"),
    Entry(
        "vgg16_voc",
        dict(type="VGG", depth=16, num_classes=20),
        dict(type="MultiLabelClsHead", loss=dict(type="CrossEntropyLoss", use_sigmoid=True, loss_weight=1.0)),
        neck=None,
        preprocessing=IMAGENET,
        classes="voc07",
        aliases=("vgg16_8xb16_voc",),
    ),
)
