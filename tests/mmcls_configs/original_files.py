"""The config files of the package mmcls 0.25.0.

They are found in the installed package (`pip install --no-deps mmcls==0.25.0`), or in the folder `MMCLS_CONFIGS`.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

BROKEN = ("mobilenet_v3/mobilenet-v3-small_8xb16_cifar10", "mobilenet_v3/mobilenet_v3_small_cifar")


def folder():
    if found := os.environ.get("MMCLS_CONFIGS"):
        return Path(found)
    spec = importlib.util.find_spec("mmcls")
    return Path(spec.origin).parent / ".mim" / "configs" if spec and spec.origin else None


ROOT = folder()
FILES = sorted(ROOT.rglob("*.py")) if ROOT else []
NAMES = [str(path.relative_to(ROOT).with_suffix("")) for path in FILES if "_base_" not in path.parts]
WHOLE = [name for name in NAMES if name not in BROKEN]
