"""Parts that recipes are put together from: plain functions that return pieces of a config.

from jaxcls import recipes, zoo

def get_config():
    data, classes = recipes.folder("path/to/pictures", size=224, batch_size=32)
    model = zoo.model_config("resnet18", num_classes=len(classes))
    return recipes.recipe(model, data, recipes.sgd(lr=0.01), recipes.cosine(), max_epochs=20)
"""

from jaxcls.recipes.augmentation import auto_augment, lighting, mixup_cutmix, rand_augment, random_erasing
from jaxcls.recipes.data import cifar10, cifar100, digits, folder, imagenet
from jaxcls.recipes.optimizers import adamw, sgd
from jaxcls.recipes.recipe import classifier, recipe, select, variants
from jaxcls.recipes.schedules import cosine, cosine_by_epoch, cosine_to_hundredth, step
from jaxcls.recipes.training import imagenet_adamw, imagenet_sgd, on_digits, small_vit
from jaxcls.zoo.entry import linear_head

__all__ = [
    "adamw",
    "auto_augment",
    "cifar10",
    "cifar100",
    "classifier",
    "cosine",
    "cosine_by_epoch",
    "cosine_to_hundredth",
    "digits",
    "folder",
    "imagenet",
    "imagenet_adamw",
    "imagenet_sgd",
    "lighting",
    "linear_head",
    "mixup_cutmix",
    "on_digits",
    "rand_augment",
    "random_erasing",
    "recipe",
    "select",
    "sgd",
    "small_vit",
    "step",
    "variants",
]
