"""The examples of docs/config.md do what it says."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

from jaxcls.config import complete, load_recipe, split
from jaxcls.config.keys import DEFAULTS, REQUIRED
from jaxcls.config.overrides import _steps
from jaxcls.config.schema import CONFIG

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "docs" / "config.md").read_text()
EXAMPLES = re.findall(r"^\| `(\"?--config\..*?)` \| `(.*)` \|$", TEXT, re.MULTILINE)


def completed(arguments):
    _, overrides = split(arguments)
    return complete(load_recipe(str(ROOT / "configs" / "resnet.py"), overrides)), overrides


@pytest.mark.parametrize(("argument", "expected"), EXAMPLES)
def test_examples(argument, expected):
    config, [override] = completed(shlex.split(argument))
    for step in _steps(override):
        config = config[step]
    assert config == ast.literal_eval(expected)


def test_there_are_examples():
    assert len(EXAMPLES) > 10


def test_every_key_is_in_the_table():
    rows = re.findall(r"^\| (`.*?) \|", TEXT.partition("## Keys")[2].partition("## On")[0], re.MULTILINE)
    documented = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert documented == set(CONFIG) == {*REQUIRED, *DEFAULTS}
