"""ResNet (He et al. 2016, arXiv:1512.03385), and V1c, V1d (He et al. 2019, Bag of Tricks, arXiv:1812.01187)."""

from jaxcls.zoo.entry import IMAGENET, PILLOW, Entry, Preprocessing, Published, linear_head, mmcls

CIFAR10 = Preprocessing(32, None, (125.307, 122.961, 113.8575), (51.5865, 50.847, 51.255))
CIFAR100 = Preprocessing(32, None, (129.304, 124.070, 112.434), (68.170, 65.392, 70.418))
_CHANNELS = {18: 512, 34: 512, 50: 2048, 101: 2048, 152: 2048}


def _imagenet(depth: int, top1: float, top5: float, file: str, *more: Published, variant: str = "") -> Entry:
    name = f"resnet{variant.lower()}{depth}"
    recipes = ("8xb32", *_RECIPES) if name == "resnet50" else ("8xb32",)
    return Entry(
        name,
        dict(type=f"ResNet{variant}", depth=depth),
        linear_head(_CHANNELS[depth], topk=(1, 5)),
        preprocessing=PILLOW if variant else IMAGENET,
        aliases=tuple(f"{name}_{recipe}_in1k" for recipe in recipes),
        published=(mmcls(f"{name}_8xb32_in1k", top1, top5, f"resnet/{file}.pth"), *more),
    )


def _cifar(depth: int, num_classes: int, top1: float, top5: float | None, version: str) -> Entry:
    name = f"resnet{depth}_8xb16_cifar{num_classes}"
    file = f"resnet/resnet{depth}_b16x8_cifar{num_classes}_20210528-{version}.pth"
    return Entry(
        f"resnet{depth}_cifar{num_classes}",
        dict(type="ResNet_CIFAR", depth=depth),
        linear_head(_CHANNELS[depth], num_classes),
        preprocessing=CIFAR10 if num_classes == 10 else CIFAR100,
        classes=f"cifar{num_classes}",
        aliases=(name, f"resnet{depth}_8xb16-mixup_cifar10") if depth == 50 and num_classes == 10 else (name,),
        published=(mmcls(name, top1, top5, file),),
    )


def _other(data: str, num_classes: int, preprocessing: Preprocessing, alias: str, *rows: Published) -> Entry:
    return Entry(
        f"resnet50_{data}",
        dict(type="ResNet", depth=50),
        linear_head(2048, num_classes, topk=(1, 5)),
        preprocessing=preprocessing,
        classes="" if data == "in21k" else data,
        aliases=(alias,),
        published=rows,
    )


def _strikes_back(recipe: str, top1: float, top5: float, version: str) -> Published:
    """Wightman et al. 2021, ResNet strikes back, arXiv:2110.00476."""
    name = f"resnet50_8xb256-rsb-{recipe}_in1k"
    return mmcls(name, top1, top5, f"resnet/{{}}_20211228-{version}.pth", Preprocessing(resize=236))


_RECIPES = (
    "8xb32-fp16",
    "8xb32-fp16-dynamic",
    "8xb32-coslr",
    "8xb32-coslr-preciseBN",
    "8xb32-lbs",
    "8xb32-cutmix",
    "8xb32-mixup",
    "32xb64-warmup",
    "32xb64-warmup-coslr",
    "32xb64-warmup-lbs",
)
_FP16 = "fp16/resnet50_batch256_fp16_imagenet_20210320-b3964210.pth"

ENTRIES = (
    _imagenet(18, 69.90, 89.43, "resnet18_8xb32_in1k_20210831-fbbb1da6"),
    _imagenet(34, 73.62, 91.59, "resnet34_8xb32_in1k_20210831-f257d4e6"),
    _imagenet(
        50,
        76.55,
        93.06,
        "resnet50_8xb32_in1k_20210831-ea4938fc",
        _strikes_back("a1-600e", 80.12, 94.78, "20e21305"),
        _strikes_back("a2-300e", 79.55, 94.37, "0fd8be6e"),
        _strikes_back("a3-100e", 78.30, 93.80, "3493673c"),
        mmcls("resnet50_8xb32-fp16_in1k", 76.30, 93.07, _FP16),
    ),
    _imagenet(101, 77.97, 94.06, "resnet101_8xb32_in1k_20210831-539c63f8"),
    _imagenet(152, 78.48, 94.13, "resnet152_8xb32_in1k_20210901-4d7582fa"),
    _imagenet(50, 77.01, 93.58, "resnetv1c50_8xb32_in1k_20220214-3343eccd", variant="V1c"),
    _imagenet(101, 78.30, 94.27, "resnetv1c101_8xb32_in1k_20220214-434fe45f", variant="V1c"),
    _imagenet(152, 78.76, 94.41, "resnetv1c152_8xb32_in1k_20220214-c013291f", variant="V1c"),
    _imagenet(50, 77.54, 93.57, "resnetv1d50_b32x8_imagenet_20210531-db14775a", variant="V1d"),
    _imagenet(101, 78.93, 94.48, "resnetv1d101_b32x8_imagenet_20210531-6e13bcd3", variant="V1d"),
    _imagenet(152, 79.41, 94.70, "resnetv1d152_b32x8_imagenet_20210531-278cf22a", variant="V1d"),
    _cifar(18, 10, 94.82, None, "bd6371c8"),
    _cifar(34, 10, 95.34, None, "a8aa36a6"),
    _cifar(50, 10, 95.55, None, "f54bfad9"),
    _cifar(101, 10, 95.58, None, "2d29e936"),
    _cifar(152, 10, 95.76, None, "3e8e9178"),
    _cifar(50, 100, 79.90, 95.19, "67b58a1b"),
    _other("in21k", 21843, IMAGENET, "resnet50_8xb128_coslr-90e_in21k"),
    _other(
        "cub",
        200,
        Preprocessing(448, (600, 600)),
        "resnet50_8xb8_cub",
        mmcls("resnet50_8xb8_cub", 88.45, None, "resnet/{}_20220307-57840e60.pth"),
    ),
    _other(
        "cars",
        196,
        Preprocessing(448, (512, 512)),
        "resnet50_8xb8_cars",
        mmcls("resnet50_8xb8_cars", 92.82, None, "resnet/{}_20220812-9d85901a.pth"),
    ),
)
