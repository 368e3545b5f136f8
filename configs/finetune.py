"""Any model of the zoo on pictures of one's own, one folder a class.

    python train.py --config=configs/finetune.py:MODEL,FOLDER --load_from=WEIGHTS
    python train.py --config=configs/finetune.py:swin_tiny,data/pets --config.data.batch_size=64

`jaxcls.list_models()` gives the models. FOLDER holds the class folders, or `train` and `val` that hold them; without
`val` a fifth of each class's pictures validates. The pictures are resized, cropped and normalised as the model's
published weights want them. Without `--load_from` the training begins with random weights.
"""

from ml_collections import ConfigDict

from jaxcls import recipes, zoo
from jaxcls.errors import UserError


def get_config(argument: str = "") -> ConfigDict:
    """The recipe for `MODEL,FOLDER`."""
    name, _, folder = argument.partition(",")
    if not folder:
        raise UserError(f"configs/finetune.py: expected MODEL,FOLDER after the colon, got {argument!r}")
    data, classes = recipes.folder(folder, preprocessing=zoo.find(name).preprocessing)
    return recipes.recipe(
        zoo.model_config(name, num_classes=len(classes)),
        data,
        recipes.adamw(lr=1e-4),
        recipes.cosine(by_epoch=False, warmup="linear", warmup_iters=1, warmup_by_epoch=True),
        max_epochs=20,
        grad_clip=5.0,
    )
