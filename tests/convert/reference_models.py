"""Models of other sources and the same ones of ours, small where their makers let them be.

A family's names are checked in two ways: by the weights and logits of the packages themselves (`-m slow`, which needs
torchvision, timm and transformers), and by the names and shapes that `record_names` wrote down, which need none.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

CLASSES = 7


@dataclass(frozen=True)
class Case:
    """One model.

    Attributes:
        package: who has it.
        make: the package -> a `torch.nn.Module` that gives logits, or an object with `logits`.
        model: our config.
        size: of the images, in pixels.
        written: whose names `rename_back` writes; None: those are not written.
    """

    package: str
    make: Callable[[Any], Any]
    model: Mapping[str, Any]
    size: int
    written: str | None = None

    def made(self) -> Any:
        """The package's model."""
        return self.make(importlib.import_module(self.package))


def classifier(backbone, width=None, neck="GlobalAveragePooling", head="LinearClsHead", **options):
    backbone = {"type": backbone, **options}
    width = {"in_channels": width} if width else {}
    neck = {"type": neck} if isinstance(neck, str) else neck
    return {
        "type": "ImageClassifier",
        "backbone": backbone,
        "neck": neck,
        "head": {"type": head, "num_classes": CLASSES, **width},
    }


def vit(eps=1e-6, distilled=False, **options):
    norm = {"type": "LN", "eps": eps}
    backbone, head = ("DistilledVisionTransformer", "DeiTClsHead") if distilled else ("VisionTransformer", None)
    return classifier(backbone, 32, None, head or "VisionTransformerClsHead", arch=VIT, norm_cfg=norm, **options)


VIT = {"embed_dims": 32, "num_layers": 2, "num_heads": 4, "feedforward_channels": 64}
VIT_TIMM = {"img_size": 64, "embed_dim": 32, "depth": 2, "num_heads": 4, "mlp_ratio": 2}
VIT_TRANSFORMERS = {
    "image_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
SWIN = {"embed_dims": 8, "depths": (1, 1, 2, 1), "num_heads": (1, 2, 2, 4)}
CONVNEXT = {"depths": (1, 1, 2, 1), "channels": (8, 16, 24, 32)}
CONVNEXT_TIMM = {"depths": CONVNEXT["depths"], "dims": CONVNEXT["channels"]}
MIXER = {"embed_dims": 32, "num_layers": 2, "tokens_mlp_dims": 16, "channels_mlp_dims": 64}


def torchvision_convnext(package):
    from torchvision.models.convnext import CNBlockConfig

    widths = (*CONVNEXT["channels"], None)
    stages = [CNBlockConfig(widths[i], widths[i + 1], depth) for i, depth in enumerate(CONVNEXT["depths"])]
    return package.models.ConvNeXt(stages, num_classes=CLASSES)


def torchvision_swin(package):
    arch = {"embed_dim": SWIN["embed_dims"], "depths": list(SWIN["depths"]), "num_heads": list(SWIN["num_heads"])}
    return package.models.SwinTransformer([4, 4], **arch, window_size=[7, 7], num_classes=CLASSES)


def transformers(name, kind="ForImageClassification", **options):
    def make(package):
        config = getattr(package, f"{name}Config")(num_labels=CLASSES, **options)
        return getattr(package, f"{name}{kind}")(config)

    return make


def timm(name, **options):
    return lambda package: package.create_model(name, num_classes=CLASSES, **options)


def torchvision(name):
    return lambda package: getattr(package.models, name)(num_classes=CLASSES)


RESNET_TRANSFORMERS = transformers("ResNet", depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic")
RESNET18 = classifier("ResNet", 512, depth=18)
RESNET50 = classifier("ResNet", 2048, depth=50)
MOBILENET = classifier("MobileNetV2", 1280)
CASES = {
    "resnet18.torchvision": Case("torchvision", torchvision("resnet18"), RESNET18, 64, "torchvision"),
    "resnet50.torchvision": Case("torchvision", torchvision("resnet50"), RESNET50, 64, "torchvision"),
    "resnet18.timm": Case("timm", timm("resnet18"), RESNET18, 64, "timm"),
    "resnet50c.timm": Case("timm", timm("resnet50c"), classifier("ResNetV1c", 2048, depth=50), 64, "timm"),
    "resnet50d.timm": Case("timm", timm("resnet50d"), classifier("ResNetV1d", 2048, depth=50), 64, "timm"),
    "resnet18d.timm": Case("timm", timm("resnet18d"), classifier("ResNetV1d", 512, depth=18), 64, "timm"),
    "resnet18.transformers": Case("transformers", RESNET_TRANSFORMERS, RESNET18, 64, "transformers"),
    "resnet50.transformers": Case("transformers", transformers("ResNet"), RESNET50, 64, "transformers"),
    "mobilenet_v2.torchvision": Case("torchvision", torchvision("mobilenet_v2"), MOBILENET, 64, "torchvision"),
    "mobilenet_v2.timm": Case("timm", timm("mobilenetv2_100"), MOBILENET, 64, "timm"),
    "convnext.torchvision": Case(
        "torchvision", torchvision_convnext, classifier("ConvNeXt", 32, None, arch=CONVNEXT), 64, "torchvision"
    ),
    "convnext.timm": Case(
        "timm", timm("convnext_tiny", **CONVNEXT_TIMM), classifier("ConvNeXt", 32, None, arch=CONVNEXT), 64, "timm"
    ),
    "convnext_of_convolutions.timm": Case(
        "timm",
        timm("convnext_tiny", conv_mlp=True, **CONVNEXT_TIMM),
        classifier("ConvNeXt", 32, None, arch=CONVNEXT),
        64,
    ),
    "convnext.transformers": Case(
        "transformers",
        transformers("ConvNext", depths=[*CONVNEXT["depths"]], hidden_sizes=[*CONVNEXT["channels"]]),
        classifier("ConvNeXt", 32, None, arch=CONVNEXT),
        64,
        "transformers",
    ),
    "swin.torchvision": Case(
        "torchvision", torchvision_swin, classifier("SwinTransformer", 64, arch=SWIN), 224, "torchvision"
    ),
    "swin.timm": Case(
        "timm",
        timm("swin_tiny_patch4_window7_224", embed_dim=8, depths=SWIN["depths"], num_heads=SWIN["num_heads"]),
        classifier("SwinTransformer", 64, arch=SWIN),
        224,
        "timm",
    ),
    "swin.transformers": Case(
        "transformers",
        transformers("Swin", embed_dim=8, depths=[*SWIN["depths"]], num_heads=[*SWIN["num_heads"]]),
        classifier("SwinTransformer", 64, arch=SWIN),
        224,
        "transformers",
    ),
    "vit.torchvision": Case(
        "torchvision",
        lambda package: package.models.VisionTransformer(64, 16, 2, 4, 32, 64, num_classes=CLASSES),
        vit(img_size=64),
        64,
        "torchvision",
    ),
    "vit.timm": Case("timm", timm("vit_tiny_patch16_224", **VIT_TIMM), vit(img_size=64), 64, "timm"),
    "deit.timm": Case("timm", timm("deit_tiny_patch16_224", **VIT_TIMM), vit(img_size=64), 64, "timm"),
    "vit.transformers": Case(
        "transformers",
        transformers("ViT", **VIT_TRANSFORMERS),
        vit(eps=1e-12, img_size=64),
        64,
        "transformers",
    ),
    "deit_distilled.timm": Case(
        "timm", timm("deit_tiny_distilled_patch16_224", **VIT_TIMM), vit(img_size=64, distilled=True), 64, "timm"
    ),
    "deit_distilled.transformers": Case(
        "transformers",
        transformers("DeiT", "ForImageClassificationWithTeacher", **VIT_TRANSFORMERS),
        vit(eps=1e-12, img_size=64, distilled=True),
        64,
        "transformers",
    ),
    "mixer.timm": Case(
        "timm",
        lambda package: package.models.mlp_mixer.MlpMixer(
            img_size=64, embed_dim=32, num_blocks=2, mlp_ratio=(0.5, 2.0), num_classes=CLASSES
        ),
        classifier(
            "MlpMixer",
            32,
            {"type": "GlobalAveragePooling", "dim": 1},
            arch=MIXER,
            img_size=64,
            norm_cfg={"type": "LN", "eps": 1e-6},
        ),
        64,
        "timm",
    ),
}
