"""Any model of the zoo on pictures of one's own, one folder a class.

    python train.py --config=configs/finetune.py:MODEL,FOLDER --load_from=WEIGHTS
    python train.py --config=configs/finetune.py:swin_tiny,data/pets --config.data.batch_size=64
    python train.py --config=configs/finetune.py:efficientnet_lite0,data/pets,64     # at 64 pixels

`jaxcls.list_models()` gives the models. FOLDER holds the class folders, or `train` and `val` that hold them; without
`val` a fifth of each class's pictures validates. The pictures are resized, cropped and normalised as the model's
published weights want them, or in the same way at another size. Without `--load_from` the training begins with random
weights.
"""

from ml_collections import ConfigDict

from jaxcls import recipes, zoo
from jaxcls.errors import UserError


def get_config(argument: str = "") -> ConfigDict:
    """The recipe for `MODEL,FOLDER` or `MODEL,FOLDER,SIZE`."""
    name, folder, size = (*argument.split(","), "", "", "")[:3]
    if not folder or argument.count(",") > 2 or not (size or "1").isdecimal():
        raise UserError(
            f"configs/finetune.py: expected MODEL,FOLDER or MODEL,FOLDER,SIZE after the colon, got {argument!r}"
        )
    pixels = int(size) if size else None
    data, classes = recipes.folder(folder, pixels, preprocessing=zoo.find(name).preprocessing)
    return recipes.recipe(
        zoo.model_config(name, len(classes), pixels),
        data,
        recipes.adamw(lr=1e-4),
        recipes.cosine(by_epoch=False, warmup="linear", warmup_iters=1, warmup_by_epoch=True),
        max_epochs=20,
        grad_clip=5.0,
    )
