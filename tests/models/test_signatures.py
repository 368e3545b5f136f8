"""Every class of the original, and every argument of its constructor, is here under its name.

`tests/golden/signatures.json` holds them, read off MMClassification 0.25, and newer backbones off MMPretrain 1.2; left
out are CSPNet, the base of the three networks of that kind, TIMMBackbone, which wraps another library, and Accuracy,
which is a metric here.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from jaxcls import models

ORIGINAL = json.loads((Path(__file__).parents[1] / "golden/signatures.json").read_text())
CLASSES = [(part, name) for part, classes in ORIGINAL.items() for name in classes]


@pytest.mark.parametrize(("part", "name"), CLASSES)
def test_all_arguments_are_there(part, name):
    package = getattr(models, part)
    assert name in package.__all__
    assert set(ORIGINAL[part][name]) <= set(inspect.signature(getattr(package, name)).parameters)
