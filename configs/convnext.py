"""ConvNeXt (Liu et al. 2022, A ConvNet for the 2020s, arXiv:2201.03545).

    python train.py --config=configs/convnext.py                 # a small one, on the embedded digits
    python train.py --config=configs/convnext.py:tiny            # on ImageNet; also small, base, large, xlarge

The first gives 99.17, 98.33 and 98.61 % top-1 (seeds 0, 1, 2, the last epoch) in 41 s on two CPU cores.

The variants are MMClassification's recipes convnext-tiny_32xb128_in1k and so on. It published weights of the paper's
authors, not trained by these recipes: top-1 82.05, 83.13, 83.85 and 84.30 % for tiny to large, trained on ImageNet-1k
alone, and 86.97 % for xlarge, after ImageNet-21k (not measured here).
"""

from ml_collections import ConfigDict

# channels of the last stage, and the drop path rate
_VARIANTS = {"tiny": (768, 0.1), "small": (768, 0.4), "base": (1024, 0.5), "large": (1536, 0.5), "xlarge": (2048, 0.5)}


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    if variant != "digits" and variant not in _VARIANTS:
        raise ValueError(f"configs/convnext.py:{variant}: allowed are digits, {', '.join(_VARIANTS)}")
    return ConfigDict(digits() if variant == "digits" else imagenet2012(variant))


def recipe(model: dict, data: dict, lr: float, lr_config: dict, max_epochs: int) -> dict:
    return dict(
        model=model,
        data=data,
        optimizer=dict(
            type="AdamW",
            lr=lr,
            weight_decay=0.05,
            eps=1e-8,
            betas=(0.9, 0.999),
            paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
        ),
        optimizer_config=dict(grad_clip=dict(max_norm=5.0)),
        lr_config=dict(policy="CosineAnnealing", by_epoch=False, min_lr_ratio=1e-2, warmup="linear", **lr_config),
        runner=dict(type="EpochBasedRunner", max_epochs=max_epochs),
        evaluation=dict(interval=1, metric="accuracy", save_best="accuracy_top-1"),
        checkpoint_config=dict(interval=1, max_keep_ckpts=3),
        log_config=dict(interval=100, hooks=[dict(type="TextLoggerHook")]),
        seed=0,
    )


def classifier(backbone: dict, num_classes: int, in_channels: int) -> dict:
    init_cfg = [
        dict(type="TruncNormal", layer=["Conv2d", "Linear"], std=0.02, bias=0.0),
        dict(type="Constant", layer=["LayerNorm"], val=1.0, bias=0.0),
    ]
    return dict(
        type="ImageClassifier",
        backbone=dict(type="ConvNeXt", gap_before_final_norm=True, init_cfg=init_cfg, **backbone),
        head=dict(
            type="LinearClsHead",
            num_classes=num_classes,
            in_channels=in_channels,
            loss=dict(type="CrossEntropyLoss", loss_weight=1.0),
        ),
    )


def digits() -> dict:
    normalize = dict(type="Normalize", mean=[77.9], std=[95.9])
    held_out = dict(type="TFDS", name="digits", split="test", pipeline=[normalize])
    augmentation = [dict(type="RandomCrop", size=8, padding=1)]
    arch = dict(depths=(2, 2, 2), channels=(32, 64, 128))
    return recipe(
        classifier(
            # shallow, it needs no help to start: layer scale begins at one
            dict(arch=arch, in_channels=1, stem_patch_size=1, layer_scale_init_value=1.0),
            num_classes=10,
            in_channels=128,
        ),
        dict(
            batch_size=64,
            num_workers=1,
            train=dict(type="TFDS", name="digits", split="train", pipeline=[*augmentation, normalize]),
            val=held_out,
            test=held_out,
        ),
        lr=2e-3,
        lr_config=dict(warmup_iters=46),
        max_epochs=20,
    )


def imagenet2012(variant: str) -> dict:
    channels, drop_path_rate = _VARIANTS[variant]
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    resize = dict(backend="pillow", interpolation="bicubic")
    augmentation = [
        dict(type="RandomResizedCrop", size=224, **resize),
        dict(type="RandomFlip", flip_prob=0.5, direction="horizontal"),
        dict(
            type="RandAugment",
            policies="timm_increasing",
            num_policies=2,
            total_level=10,
            magnitude_level=9,
            magnitude_std=0.5,
            hparams=dict(pad_val=[round(value) for value in mean], interpolation="bicubic"),
        ),
        dict(
            type="RandomErasing",
            erase_prob=0.25,
            mode="rand",
            min_area_ratio=0.02,
            max_area_ratio=1 / 3,
            fill_color=mean,
            fill_std=std,
        ),
    ]
    normalize = dict(type="Normalize", mean=mean, std=std)
    center = [dict(type="Resize", size=(256, -1), **resize), dict(type="CenterCrop", crop_size=224)]
    held_out = dict(type="TFDS", name="imagenet2012", split="validation", pipeline=[*center, normalize])
    config = recipe(
        classifier(dict(arch=variant, out_indices=(3,), drop_path_rate=drop_path_rate), 1000, channels),
        dict(
            batch_size=4096,
            num_workers=16,
            train=dict(type="TFDS", name="imagenet2012", split="train", pipeline=[*augmentation, normalize]),
            val=held_out,
            test=held_out,
        ),
        lr=4e-3,
        lr_config=dict(warmup_ratio=1e-3, warmup_iters=20, warmup_by_epoch=True),
        max_epochs=300,
    )
    config["ema"] = dict(momentum=4e-5)
    return config
