"""Any config file of MMClassification 0.x, as it stands.

    python train.py --config=configs/mmcls.py:PATH/TO/resnet50_8xb32_in1k.py
    python train.py --config=configs/mmcls.py:resnet18_8xb16_cifar10.py --config.data.batch_size=64
    python evaluate.py --ckpt=WEIGHTS.pth --config=configs/mmcls.py:PATH/TO/resnet50_8xb32_in1k.py

docs/mmclassification.md has each key of the original and where it is here; `python -m jaxcls.tools.convert_config`
writes such a file as a recipe of ours.
"""

from pathlib import Path

from ml_collections import ConfigDict

import jaxcls
from jaxcls.errors import UserError


def get_config(path: str = "") -> ConfigDict:
    """The recipe in the file `path`."""
    if not path:
        raise UserError("configs/mmcls.py: expected an original config file after the colon, such as PATH/TO/FILE.py")
    config = jaxcls.load_mmcls_config(path)
    config.work_dir = config.get("work_dir") or f"work_dirs/{Path(path).stem}"
    return config
