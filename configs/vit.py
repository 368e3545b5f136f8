"""Vision Transformer (Dosovitskiy et al. 2021, An Image is Worth 16x16 Words, arXiv:2010.11929), and DINOv2
(Oquab et al. 2023, arXiv:2304.07193).

    python train.py --config=configs/vit.py                      # a small one, on the embedded digits
    python train.py --config=configs/vit.py:base-p16             # on ImageNet; also base-p32, large-p16, large-p32
    python train.py --config=configs/vit.py:base-p16-384         # to fine-tune at 384 x 384; also the other three
    python train.py --config=configs/vit.py:small-p14-dinov2 --load_from=WEIGHTS     # also base, large, giant

The first gives 98.33, 97.78 and 97.22 % top-1 (seeds 0, 1, 2, the last epoch) in 61 s on two CPU cores.

The others are MMClassification's recipes vit-base-p16_pt-64xb64_in1k-224, vit-base-p16_ft-64xb64_in1k-384 and so on. It
published weights of the paper's authors, after ImageNet-21k and not trained by these recipes: top-1 85.43, 84.01 and
85.63 % for base-p16, base-p32 and large-p16 at 384 x 384. The last train a linear head alone on DINOv2's features, at
224 x 224 pixels; the paper, which takes the best of many rates, gives 81.1, 84.5, 86.3 and 86.5 %. None of these is
measured here.
"""

from ml_collections import ConfigDict

from jaxcls import recipes, zoo

_VIT = ("base-p16", "base-p32", "large-p16", "large-p32")
_DINOV2 = {"small-p14-dinov2": 12, "base-p14-dinov2": 12, "large-p14-dinov2": 24, "giant-p14-dinov2": 40}  # layers
_NO_DECAY = ("cls_token", "pos_embed")


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = {
        **recipes.variants(pretrain, _VIT, "vit_{}"),
        **recipes.variants(finetune, [f"{name}-384" for name in _VIT], "vit_{}"),
        **recipes.variants(linear_probe, _DINOV2, "vit_{}"),
    }
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    backbone = recipes.small_vit("VisionTransformer")
    head = recipes.linear_head(64, 10, type="VisionTransformerClsHead")
    config = recipes.recipe(
        recipes.classifier(backbone, head, neck=None),
        recipes.digits(),
        recipes.adamw(lr=2e-3, decay_all=True, no_decay=_NO_DECAY),
        recipes.cosine(warmup_iters=115, by_epoch=False),
        max_epochs=60,
        grad_clip=1.0,
    )
    # So few steps would leave the positions, which tell digits apart, where they began.
    config.optimizer.paramwise_cfg.custom_keys.pos_embed.lr_mult = 10.0
    return config


def pretrain(name: str) -> ConfigDict:
    train_cfg = dict(augments=dict(type="BatchMixup", alpha=0.2, num_classes=1000, prob=1.0))
    model = zoo.model_config(f"{name}_pt", train_cfg=train_cfg)
    return _long(model, recipes.imagenet(4096, zoo.find(f"{name}_pt").preprocessing, [recipes.auto_augment()]))


def finetune(name: str) -> ConfigDict:
    return _long(zoo.model_config(name), recipes.imagenet(4096, zoo.find(name).preprocessing))


def _long(model: dict, data: dict) -> ConfigDict:
    optimizer = recipes.adamw(lr=0.003, weight_decay=0.3, decay_all=True, no_decay=_NO_DECAY)
    schedule = recipes.cosine(warmup_iters=10000, warmup_ratio=1e-4)
    return recipes.recipe(model, data, optimizer, schedule, max_epochs=300, grad_clip=1.0)


def linear_probe(name: str) -> ConfigDict:
    layers = _DINOV2[name.removeprefix("vit_").replace("_", "-")]
    return recipes.recipe(
        zoo.model_config(name, image_size=224, backbone=dict(frozen_stages=layers)),
        recipes.imagenet(1024, zoo.find(name).preprocessing.at(224)),
        recipes.sgd(lr=0.01, weight_decay=0.0),
        recipes.cosine(by_epoch=False),
        max_epochs=10,
    )
