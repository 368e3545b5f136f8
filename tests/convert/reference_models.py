"""Models of other sources and the same ones of ours, small where their makers let them be.

A family's names are checked in two ways: by the weights and logits of the packages themselves (`-m slow`, which needs
torchvision, timm and transformers), and by the names and shapes that `record_names` wrote down, which need none.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jaxcls import zoo

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
        slow: whether our model is too large to be looked at in each test session.
    """

    package: str
    make: Callable[[Any], Any]
    model: Mapping[str, Any]
    size: int
    written: str | None = None
    slow: bool = False

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


def vit(eps=1e-6, distilled=False, head="VisionTransformerClsHead", **options):
    norm = {"type": "LN", "eps": eps}
    backbone, head = ("DistilledVisionTransformer", "DeiTClsHead") if distilled else ("VisionTransformer", head)
    return classifier(backbone, 32, None, head, arch=VIT, norm_cfg=norm, **options)


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


def torchvision(name, **options):
    return lambda package: getattr(package.models, name)(num_classes=CLASSES, **options)


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


def of_the_zoo(key, make, name, size=64, slow=True, written=True, **backbone):
    """A case named `….package` of a model of the zoo."""
    package = key.rpartition(".")[2]
    model = zoo.model_config(name, CLASSES, size, backbone)
    CASES[key] = Case(package, make, model, size, package if written else None, slow)


SAME = {"conv_cfg": None, "norm_cfg": {"type": "BN", "eps": 1e-5}}  # not as in TensorFlow
SHAPE = {"img_size": 64}
SWINV2 = {"embed_dims": 8, "depths": (1, 1, 2, 1), "num_heads": (1, 2, 2, 4), "extra_norm_every_n_blocks": 0}
SWINV2_TIMM = {"embed_dim": 8, "depths": SWINV2["depths"], "num_heads": SWINV2["num_heads"]}


def torchvision_swin_v2(package):
    from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

    arch = {key: [*value] if isinstance(value, tuple) else value for key, value in SWINV2_TIMM.items()}
    kinds = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}
    return package.models.SwinTransformer([4, 4], **arch, window_size=[8, 8], num_classes=CLASSES, **kinds)


def poolformer(package):
    """With the last norm before pooling, as the weights' authors have it; timm's is after it."""
    import torch

    model = package.create_model("poolformer_s12", num_classes=CLASSES)
    norm = model.head.norm

    def normed(_, arguments):
        return torch.nn.functional.group_norm(arguments[0], 1, norm.weight, norm.bias)

    model.head.global_pool.register_forward_pre_hook(normed)
    norm.forward = lambda x: x
    return model


for name, theirs in {
    "alexnet": "alexnet",
    "vgg11": "vgg11",
    "vgg11bn": "vgg11_bn",
}.items():
    of_the_zoo(f"{name}.torchvision", torchvision(theirs), name, 224)
for name, theirs in {
    "densenet121": "densenet121",
    "resnext50_32x4d": "resnext50_32x4d",
    "wide_resnet50": "wide_resnet50_2",
    "mobilenet_v3_small": "mobilenet_v3_small",
    "mobilenet_v3_large": "mobilenet_v3_large",
    "shufflenet_v2_1x": "shufflenet_v2_x1_0",
    "regnety_400mf": "regnet_y_400mf",
    "regnetx_1.6gf": "regnet_x_1_6gf",
}.items():
    of_the_zoo(f"{name}.torchvision", torchvision(theirs), name)
of_the_zoo("efficientnet_b0.torchvision", torchvision("efficientnet_b0"), "efficientnet_b0", **SAME)
of_the_zoo("efficientnet_b1.torchvision", torchvision("efficientnet_b1"), "efficientnet_b1", **SAME)
of_the_zoo("efficientnetv2_s.torchvision", torchvision("efficientnet_v2_s"), "efficientnetv2_s", conv_cfg=None)
of_the_zoo(
    "inception_v3.torchvision", torchvision("inception_v3", init_weights=False), "inception_v3", 299, aux_logits=True
)
CASES["swinv2.torchvision"] = Case(
    "torchvision", torchvision_swin_v2, classifier("SwinTransformerV2", 64, arch=SWINV2), 256, "torchvision"
)

of_the_zoo("vgg11bn.timm", timm("vgg11_bn"), "vgg11bn", 224)
for name, theirs in {
    "seresnet50": "seresnet50",
    "seresnext50_32x4d": "seresnext50_32x4d",
    "resnext50_32x4d": "resnext50_32x4d",
    "resnest50": "resnest50d",
    "res2net50_w14_s8": "res2net50_14w_8s",
    "densenet121": "densenet121",
    "efficientnet_lite0": "tf_efficientnet_lite0",
    "efficientnetv2_b0": "tf_efficientnetv2_b0",
    "regnetx_400mf": "regnetx_004",
    "regnety_400mf": "regnety_004",
    "repvgg_a0": "repvgg_a0",
    "hrnet_w18": "hrnet_w18",
    "convmixer_768_32": "convmixer_768_32",
    "mobileone_s0": "mobileone_s0",
    "cspresnet50": "cspresnet50",
    "cspresnext50": "cspresnext50",
    "cspdarknet53": "cspdarknet53",
    "mobilevit_xxsmall": "mobilevit_xxs",
}.items():
    of_the_zoo(f"{name}.timm", timm(theirs), name)
of_the_zoo("res2net50d.timm", timm("res2net50d"), "res2net50_w26_s8", scales=4, deep_stem=True, avg_down=True)
of_the_zoo("tf_efficientnet_b0.timm", timm("tf_efficientnet_b0"), "efficientnet_b0")
of_the_zoo("efficientnet_b0.timm", timm("efficientnet_b0"), "efficientnet_b0", **SAME)
of_the_zoo("efficientnet_es.timm", timm("efficientnet_es"), "efficientnet_es", **SAME)
of_the_zoo("efficientnetv2_s.timm", timm("efficientnetv2_s"), "efficientnetv2_s", **SAME)
for size in ("small", "large"):
    theirs = timm(f"mobilenetv3_{size}_100")
    of_the_zoo(f"mobilenet_v3_{size}.timm", theirs, f"mobilenet_v3_{size}", norm_cfg=SAME["norm_cfg"])
of_the_zoo("inception_v3.timm", timm("inception_v3"), "inception_v3", 96)

CONVNEXT_V2 = classifier("ConvNeXt", 32, None, arch=CONVNEXT, layer_scale_init_value=0.0, use_grn=True)
DEIT3 = {"layer_scale_init_value": 1e-5, "class_position": False}
DINOV2 = {**DEIT3, "class_position": True, "patch_size": 14, "img_size": 56, "out_type": "cls_token"}
DINOV2_TIMM = {**VIT_TIMM, "img_size": 56}
TNT = {"embed_dims_outer": 32, "embed_dims_inner": 8, "num_layers": 2, "num_heads_outer": 4, "num_heads_inner": 2}
TNT_TIMM = {"img_size": 64, "embed_dim": 32, "inner_dim": 8, "depth": 2, "num_heads_outer": 4, "num_heads_inner": 2}
CASES |= {
    "convnextv2.timm": Case("timm", timm("convnextv2_tiny", **CONVNEXT_TIMM), CONVNEXT_V2, 64, "timm"),
    "convnextv2.transformers": Case(
        "transformers",
        transformers("ConvNextV2", depths=[*CONVNEXT["depths"]], hidden_sizes=[*CONVNEXT["channels"]]),
        CONVNEXT_V2,
        64,
        "transformers",
    ),
    "swinv2.timm": Case(
        "timm",
        timm("swinv2_tiny_window8_256", **SWINV2_TIMM),
        classifier("SwinTransformerV2", 64, arch=SWINV2),
        256,
        "timm",
    ),
    "swinv2.transformers": Case(
        "transformers",
        transformers(
            "Swinv2",
            embed_dim=8,
            depths=[*SWINV2["depths"]],
            num_heads=[*SWINV2["num_heads"]],
            image_size=256,
            window_size=8,
        ),
        classifier("SwinTransformerV2", 64, arch=SWINV2),
        256,
        "transformers",
    ),
    "deit3.timm": Case("timm", timm("deit3_small_patch16_224", **VIT_TIMM), vit(img_size=64, **DEIT3), 64, "timm"),
    "dinov2.timm": Case(
        "timm", timm("vit_small_patch14_dinov2", **DINOV2_TIMM), vit(head="LinearClsHead", **DINOV2), 56, "timm"
    ),
    "dinov2_with_registers.timm": Case(
        "timm",
        timm("vit_small_patch14_reg4_dinov2", **DINOV2_TIMM),
        vit(head="LinearClsHead", **{**DINOV2, "class_position": False, "num_register_tokens": 4}),
        56,
        "timm",
    ),
    "beit.timm": Case(
        "timm",
        timm("beit_base_patch16_224", **VIT_TIMM),
        classifier("BEiTViT", 32, None, arch=VIT, img_size=64, norm_cfg={"type": "LN", "eps": 1e-6}),
        64,
        "timm",
    ),
    "beitv2.timm": Case(
        "timm",
        timm("beitv2_base_patch16_224", **VIT_TIMM),
        classifier("BEiTViT", 32, None, arch=VIT, img_size=64, norm_cfg={"type": "LN", "eps": 1e-6}),
        64,
        "timm",
    ),
    "tnt.timm": Case(
        "timm",
        timm("tnt_s_legacy_patch16_224", **TNT_TIMM),
        classifier("TNT", 32, None, arch=TNT, img_size=64),
        64,
        "timm",
    ),
}
DINOV2_TRANSFORMERS = {
    "image_size": 56,
    "patch_size": 14,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "mlp_ratio": 2,
}
DINOV2_BOTH = {**DINOV2, "out_type": "cls_and_avg_featmap"}


def dinov2(**options):
    model = vit(head="LinearClsHead", **DINOV2_BOTH, **options)
    return model | {"head": model["head"] | {"in_channels": 64}}


GATED = {"layer_cfgs": {"ffn_type": "swiglu_fused"}}
for key, name, theirs, ours in (
    ("dinov2", "Dinov2", {"use_mask_token": False}, {}),
    ("dinov2_gated", "Dinov2", {"use_mask_token": False, "use_swiglu_ffn": True}, GATED),
    ("dinov2_with_registers", "Dinov2WithRegisters", {"num_register_tokens": 4}, {"num_register_tokens": 4}),
):
    CASES[f"{key}.transformers"] = Case(
        "transformers",
        transformers(name, **DINOV2_TRANSFORMERS, **theirs),
        dinov2(**ours),
        56,
        None if ours == {"num_register_tokens": 4} else "transformers",
    )

EVA02 = {"embed_dims": 32, "num_layers": 2, "num_heads": 4, "feedforward_channels": 85}
EVA02_TIMM = {key: value for key, value in DINOV2_TIMM.items() if key != "mlp_ratio"}
EVA02_OPTIONS = {
    "final_norm": False,
    "out_type": "avg_featmap",
    "rotary_reference": 16,
    "patch_size": 14,
    "img_size": 56,
}
DAVIT = {"embed_dims": 8, "depths": (1, 1, 2, 1), "num_heads": (1, 2, 2, 4)}
DAVIT_TIMM = {"embed_dims": (8, 16, 32, 64), "depths": DAVIT["depths"], "num_heads": DAVIT["num_heads"]}
EPS6 = {"norm_cfg": {"type": "LN", "eps": 1e-6}}
CASES |= {
    "eva02.timm": Case(
        "timm",
        timm("eva02_tiny_patch14_224", **EVA02_TIMM),
        classifier("ViTEVA02", 32, None, arch=EVA02, **EVA02_OPTIONS, **EPS6),
        56,
        "timm",
    ),
    "eva02_with_norms.timm": Case(
        "timm",
        timm("eva02_base_patch14_448", **EVA02_TIMM),
        classifier("ViTEVA02", 32, None, arch=EVA02, sub_ln=True, **EVA02_OPTIONS, **EPS6),
        56,
        "timm",
        slow=True,
    ),
    "davit.timm": Case(
        "timm",
        timm("davit_tiny", **DAVIT_TIMM),
        classifier("DaViT", 64, None, arch=DAVIT, gap_before_final_norm=True, patch_cfg={"padding": 3}),
        224,
        "timm",
        slow=True,
    ),
}
of_the_zoo("poolformer_s12.timm", poolformer, "poolformer_s12")
of_the_zoo("twins_pcpvt_small.timm", timm("twins_pcpvt_small", img_size=64), "twins_pcpvt_small", **EPS6)
of_the_zoo("twins_svt_small.timm", timm("twins_svt_small"), "twins_svt_small", 224, **EPS6)  # it does not mask padding
of_the_zoo("mvitv2_tiny.timm", timm("mvitv2_tiny", img_size=64), "mvitv2_tiny", img_size=64)
of_the_zoo("efficientformer_l1.timm", timm("efficientformer_l1"), "efficientformer_l1", 224)
of_the_zoo("levit_128s.timm", timm("levit_128s"), "levit_128s", 224)
of_the_zoo("xcit_nano.timm", timm("xcit_nano_12_p16_224"), "xcit_nano_12_p16")
of_the_zoo("edgenext_xxsmall.timm", timm("edgenext_xx_small"), "edgenext_xxsmall")
of_the_zoo("tinyvit_5m.timm", timm("tiny_vit_5m_224"), "tinyvit_5m", 224)
