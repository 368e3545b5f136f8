"""Vision Transformer (Dosovitskiy et al. 2021, An Image is Worth 16x16 Words, arXiv:2010.11929), and trained as DeiT
(Touvron et al. 2021, arXiv:2012.12877).

    python train.py --config=configs/vit.py                      # a small one, on the embedded digits
    python train.py --config=configs/vit.py:base-p16             # on ImageNet; also base-p32, large-p16, large-p32
    python train.py --config=configs/vit.py:base-p16-384         # to fine-tune at 384 x 384; also the other three
    python train.py --config=configs/vit.py:deit-tiny            # also deit-small, deit-base

The first gives 98.33, 97.78 and 97.22 % top-1 (seeds 0, 1, 2, the last epoch) in 61 s on two CPU cores.

The others are MMClassification's recipes vit-base-p16_pt-64xb64_in1k-224, vit-base-p16_ft-64xb64_in1k-384,
deit-tiny_pt-4xb256_in1k and so on. It published top-1 74.50, 80.69 and 81.76 % for DeiT tiny to base; and weights of
the paper's authors, after ImageNet-21k and not trained by these recipes, 85.43, 84.01 and 85.63 % for base-p16,
base-p32 and large-p16 at 384 x 384. None of these is measured here.
"""

from ml_collections import ConfigDict

_DEIT = {"deit-tiny": (192, 0.0), "deit-small": (384, 0.0), "deit-base": (768, 0.1)}  # width, drop path rate
_VIT = {
    "base-p16": ("b", 768, 16),
    "base-p32": ("b", 768, 32),
    "large-p16": ("l", 1024, 16),
    "large-p32": ("l", 1024, 32),
}


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    name = variant.removesuffix("-384")
    if variant == "digits":
        return ConfigDict(digits())
    if variant in _DEIT:
        return ConfigDict(deit(variant))
    if name in _VIT:
        return ConfigDict(finetune(name) if name != variant else pretrain(name))
    allowed = ("digits", *_VIT, *(f"{name}-384" for name in _VIT), *_DEIT)
    raise ValueError(f"configs/vit.py:{variant}: allowed are {', '.join(allowed)}")


def recipe(model: dict, data: dict, optimizer: dict, lr_config: dict, max_norm: float, max_epochs: int) -> dict:
    no_decay = {"cls_token": dict(decay_mult=0.0), "pos_embed": dict(decay_mult=0.0)}
    optimizer = dict(type="AdamW", **optimizer)
    optimizer["paramwise_cfg"] = dict(**optimizer.get("paramwise_cfg", {}), custom_keys=no_decay)
    return dict(
        model=model,
        data=data,
        optimizer=optimizer,
        optimizer_config=dict(grad_clip=dict(max_norm=max_norm)),
        lr_config=dict(policy="CosineAnnealing", warmup="linear", **lr_config),
        runner=dict(type="EpochBasedRunner", max_epochs=max_epochs),
        evaluation=dict(interval=1, metric="accuracy", save_best="accuracy_top-1"),
        checkpoint_config=dict(interval=1, max_keep_ckpts=3),
        log_config=dict(interval=100, hooks=[dict(type="TextLoggerHook")]),
        seed=0,
    )


def classifier(backbone: dict, in_channels: int, loss: dict, num_classes: int = 1000, **arguments: object) -> dict:
    head = dict(type="VisionTransformerClsHead", num_classes=num_classes, in_channels=in_channels, loss=loss)
    return dict(
        type="ImageClassifier",
        backbone=dict(type="VisionTransformer", **backbone),
        neck=None,
        head=head,
        **arguments,
    )


def digits() -> dict:
    normalize = dict(type="Normalize", mean=[77.9], std=[95.9])
    held_out = dict(type="TFDS", name="digits", split="test", pipeline=[normalize])
    augmentation = [dict(type="RandomCrop", size=8, padding=1)]
    arch = dict(embed_dims=64, num_layers=4, num_heads=4, feedforward_channels=128)
    small = dict(type="TruncNormal", layer="Conv2d", std=0.02)  # patches as strong as positions at the start
    config = recipe(
        classifier(
            dict(arch=arch, img_size=8, patch_size=2, in_channels=1, init_cfg=small),
            in_channels=64,
            loss=dict(type="CrossEntropyLoss", loss_weight=1.0),
            num_classes=10,
        ),
        dict(
            batch_size=64,
            num_workers=1,
            train=dict(type="TFDS", name="digits", split="train", pipeline=[*augmentation, normalize]),
            val=held_out,
            test=held_out,
        ),
        optimizer=dict(lr=2e-3, weight_decay=0.05),
        lr_config=dict(by_epoch=False, min_lr=0.0, warmup_iters=115),
        max_norm=1.0,
        max_epochs=60,
    )
    # So few steps would leave the positions, which tell digits apart, where they began.
    config["optimizer"]["paramwise_cfg"]["custom_keys"]["pos_embed"]["lr_mult"] = 10.0
    return config


def imagenet(size: int, batch_size: int, augmentation: list, normalize: dict, resize: dict, shorter_side: int) -> dict:
    crop = dict(type="RandomResizedCrop", size=size, **resize)
    flip = dict(type="RandomFlip", flip_prob=0.5, direction="horizontal")
    center = [dict(type="Resize", size=(shorter_side, -1), **resize), dict(type="CenterCrop", crop_size=size)]
    held_out = dict(type="TFDS", name="imagenet2012", split="validation", pipeline=[*center, normalize])
    pipeline = [crop, flip, *augmentation, normalize]
    train = dict(type="TFDS", name="imagenet2012", split="train", pipeline=pipeline)
    return dict(batch_size=batch_size, num_workers=16, train=train, val=held_out, test=held_out)


_MEAN, _STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
_NORMALIZE = dict(type="Normalize", mean=_MEAN, std=_STD)
_BICUBIC = dict(backend="pillow", interpolation="bicubic")
_HPARAMS = dict(pad_val=[round(value) for value in _MEAN], interpolation="bicubic")


def pretrain(name: str) -> dict:
    arch, width, patch_size = _VIT[name]
    if name == "base-p16":
        loss = dict(type="LabelSmoothLoss", label_smooth_val=0.1, mode="classy_vision")
    else:
        loss = dict(type="CrossEntropyLoss", loss_weight=1.0)
    init_cfg = [dict(type="Kaiming", layer="Conv2d", mode="fan_in", nonlinearity="linear")]
    backbone = dict(arch=arch, img_size=224, patch_size=patch_size, drop_rate=0.1, init_cfg=init_cfg)
    model = classifier(backbone, width, loss)
    model["head"]["hidden_dim"] = 3072
    model["train_cfg"] = dict(augments=dict(type="BatchMixup", alpha=0.2, num_classes=1000, prob=1.0))
    auto_augment = dict(type="AutoAugment", policies="imagenet", hparams=_HPARAMS)
    return recipe(
        model,
        imagenet(224, 4096, [auto_augment], _NORMALIZE, _BICUBIC, 256),
        optimizer=dict(lr=0.003, weight_decay=0.3),
        lr_config=dict(min_lr=0.0, warmup_iters=10000, warmup_ratio=1e-4),
        max_norm=1.0,
        max_epochs=300,
    )


def finetune(name: str) -> dict:
    config = pretrain(name)
    config["model"]["backbone"]["img_size"] = 384
    del config["model"]["head"]["hidden_dim"]
    del config["model"]["train_cfg"]
    normalize = dict(type="Normalize", mean=[127.5] * 3, std=[127.5] * 3)
    config["data"] = imagenet(384, 4096, [], normalize, dict(backend="pillow"), 384)
    return config


def deit(name: str) -> dict:
    width, drop_path_rate = _DEIT[name]
    augmentation = [
        dict(
            type="RandAugment",
            policies="timm_increasing",
            num_policies=2,
            total_level=10,
            magnitude_level=9,
            magnitude_std=0.5,
            hparams=_HPARAMS,
        ),
        dict(
            type="RandomErasing",
            erase_prob=0.25,
            mode="rand",
            min_area_ratio=0.02,
            max_area_ratio=1 / 3,
            fill_color=_MEAN,
            fill_std=_STD,
        ),
    ]
    init_cfg = [
        dict(type="TruncNormal", layer="Linear", std=0.02),
        dict(type="Constant", layer="LayerNorm", val=1.0, bias=0.0),
    ]
    augments = [
        dict(type="BatchMixup", alpha=0.8, num_classes=1000, prob=0.5),
        dict(type="BatchCutMix", alpha=1.0, num_classes=1000, prob=0.5),
    ]
    config = recipe(
        classifier(
            dict(arch=name, img_size=224, patch_size=16, drop_path_rate=drop_path_rate),
            width,
            loss=dict(type="LabelSmoothLoss", label_smooth_val=0.1, mode="original"),
            init_cfg=init_cfg,
            train_cfg=dict(augments=augments),
        ),
        imagenet(224, 1024, augmentation, _NORMALIZE, _BICUBIC, 256),
        optimizer=dict(lr=1e-3, weight_decay=0.05, paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0)),
        lr_config=dict(by_epoch=False, min_lr_ratio=1e-2, warmup_ratio=1e-3, warmup_iters=20, warmup_by_epoch=True),
        max_norm=5.0,
        max_epochs=300,
    )
    if name == "deit-base":
        config["ema"] = dict(momentum=4e-5)
    return config
