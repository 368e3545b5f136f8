"""ResNet (He et al. 2016, arXiv:1512.03385), and V1c, V1d (He et al. 2019, Bag of Tricks, arXiv:1812.01187)."""

from jaxcls.zoo.entry import Entry, Preprocessing, Published, linear_head, mmcls

_CHANNELS = {18: 512, 34: 512, 50: 2048, 101: 2048, 152: 2048}
_STRIKES_BACK = Preprocessing(shorter_side=236)
_BIRDS = Preprocessing(size=448, shorter_side=None)


def _imagenet(depth: int, *published: Published, variant: str = "", aliases: tuple[str, ...] = ()) -> Entry:
    name = f"resnet{variant.lower()}{depth}"
    return Entry(
        name,
        dict(type=f"ResNet{variant}", depth=depth),
        linear_head(_CHANNELS[depth], topk=(1, 5)),
        aliases=(f"{name}_8xb32_in1k", *aliases),
        published=published,
    )


def _cifar(depth: int, num_classes: int, *published: Published, aliases: tuple[str, ...] = ()) -> Entry:
    name = f"resnet{depth}_cifar{num_classes}"
    return Entry(
        name,
        dict(type="ResNet_CIFAR", depth=depth),
        linear_head(_CHANNELS[depth], num_classes),
        preprocessing=CIFAR10 if num_classes == 10 else CIFAR100,
        aliases=(f"resnet{depth}_8xb16_cifar{num_classes}", *aliases),
        published=published,
    )


def _other(data: str, num_classes: int, preprocessing: Preprocessing, *rows: Published, alias: str) -> Entry:
    head = linear_head(2048, num_classes, topk=(1, 5))
    backbone = dict(type="ResNet", depth=50)
    return Entry(f"resnet50_{data}", backbone, head, preprocessing=preprocessing, aliases=(alias,), published=rows)


CIFAR10 = Preprocessing(32, None, (125.307, 122.961, 113.8575), (51.5865, 50.847, 51.255))
CIFAR100 = Preprocessing(32, None, (129.304, 124.070, 112.434), (68.170, 65.392, 70.418))

ENTRIES = (
    _imagenet(18, mmcls("resnet18_8xb32_in1k", 69.90, 89.43, "resnet/resnet18_8xb32_in1k_20210831-fbbb1da6.pth")),
    _imagenet(34, mmcls("resnet34_8xb32_in1k", 73.62, 91.59, "resnet/resnet34_8xb32_in1k_20210831-f257d4e6.pth")),
    _imagenet(
        50,
        mmcls("resnet50_8xb32_in1k", 76.55, 93.06, "resnet/resnet50_8xb32_in1k_20210831-ea4938fc.pth"),
        mmcls(
            "resnet50_8xb256-rsb-a1-600e_in1k",
            80.12,
            94.78,
            "resnet/resnet50_8xb256-rsb-a1-600e_in1k_20211228-20e21305.pth",
            _STRIKES_BACK,
        ),
        mmcls(
            "resnet50_8xb256-rsb-a2-300e_in1k",
            79.55,
            94.37,
            "resnet/resnet50_8xb256-rsb-a2-300e_in1k_20211228-0fd8be6e.pth",
            _STRIKES_BACK,
        ),
        mmcls(
            "resnet50_8xb256-rsb-a3-100e_in1k",
            78.30,
            93.80,
            "resnet/resnet50_8xb256-rsb-a3-100e_in1k_20211228-3493673c.pth",
            _STRIKES_BACK,
        ),
        mmcls("resnet50_8xb32-fp16_in1k", 76.30, 93.07, "fp16/resnet50_batch256_fp16_imagenet_20210320-b3964210.pth"),
        aliases=(
            "resnet50_8xb32-fp16-dynamic_in1k",
            "resnet50_8xb32-coslr_in1k",
            "resnet50_8xb32-coslr-preciseBN_in1k",
            "resnet50_8xb32-lbs_in1k",
            "resnet50_8xb32-cutmix_in1k",
            "resnet50_8xb32-mixup_in1k",
            "resnet50_32xb64-warmup_in1k",
            "resnet50_32xb64-warmup-coslr_in1k",
            "resnet50_32xb64-warmup-lbs_in1k",
        ),
    ),
    _imagenet(101, mmcls("resnet101_8xb32_in1k", 77.97, 94.06, "resnet/resnet101_8xb32_in1k_20210831-539c63f8.pth")),
    _imagenet(152, mmcls("resnet152_8xb32_in1k", 78.48, 94.13, "resnet/resnet152_8xb32_in1k_20210901-4d7582fa.pth")),
    _imagenet(
        50,
        mmcls("resnetv1c50_8xb32_in1k", 77.01, 93.58, "resnet/resnetv1c50_8xb32_in1k_20220214-3343eccd.pth"),
        variant="V1c",
    ),
    _imagenet(
        101,
        mmcls("resnetv1c101_8xb32_in1k", 78.30, 94.27, "resnet/resnetv1c101_8xb32_in1k_20220214-434fe45f.pth"),
        variant="V1c",
    ),
    _imagenet(
        152,
        mmcls("resnetv1c152_8xb32_in1k", 78.76, 94.41, "resnet/resnetv1c152_8xb32_in1k_20220214-c013291f.pth"),
        variant="V1c",
    ),
    _imagenet(
        50,
        mmcls("resnetv1d50_8xb32_in1k", 77.54, 93.57, "resnet/resnetv1d50_b32x8_imagenet_20210531-db14775a.pth"),
        variant="V1d",
    ),
    _imagenet(
        101,
        mmcls("resnetv1d101_8xb32_in1k", 78.93, 94.48, "resnet/resnetv1d101_b32x8_imagenet_20210531-6e13bcd3.pth"),
        variant="V1d",
    ),
    _imagenet(
        152,
        mmcls("resnetv1d152_8xb32_in1k", 79.41, 94.70, "resnet/resnetv1d152_b32x8_imagenet_20210531-278cf22a.pth"),
        variant="V1d",
    ),
    _cifar(18, 10, mmcls("resnet18_8xb16_cifar10", 94.82, None, "resnet/resnet18_b16x8_cifar10_20210528-bd6371c8.pth")),
    _cifar(34, 10, mmcls("resnet34_8xb16_cifar10", 95.34, None, "resnet/resnet34_b16x8_cifar10_20210528-a8aa36a6.pth")),
    _cifar(
        50,
        10,
        mmcls("resnet50_8xb16_cifar10", 95.55, None, "resnet/resnet50_b16x8_cifar10_20210528-f54bfad9.pth"),
        aliases=("resnet50_8xb16-mixup_cifar10",),
    ),
    _cifar(
        101, 10, mmcls("resnet101_8xb16_cifar10", 95.58, None, "resnet/resnet101_b16x8_cifar10_20210528-2d29e936.pth")
    ),
    _cifar(
        152, 10, mmcls("resnet152_8xb16_cifar10", 95.76, None, "resnet/resnet152_b16x8_cifar10_20210528-3e8e9178.pth")
    ),
    _cifar(
        50, 100, mmcls("resnet50_8xb16_cifar100", 79.90, 95.19, "resnet/resnet50_b16x8_cifar100_20210528-67b58a1b.pth")
    ),
    _other("in21k", 21843, Preprocessing(), alias="resnet50_8xb128_coslr-90e_in21k"),
    _other(
        "cub",
        200,
        _BIRDS,
        mmcls("resnet50_8xb8_cub", 88.45, None, "resnet/resnet50_8xb8_cub_20220307-57840e60.pth"),
        alias="resnet50_8xb8_cub",
    ),
    _other(
        "cars",
        196,
        _BIRDS,
        mmcls("resnet50_8xb8_cars", 92.82, None, "resnet/resnet50_8xb8_cars_20220812-9d85901a.pth"),
        alias="resnet50_8xb8_cars",
    ),
)
