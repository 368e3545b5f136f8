from __future__ import annotations

from pathlib import Path

import pytest

from jaxcls import zoo
from jaxcls.errors import UserError
from jaxcls.tools import list_models


def test_the_table_in_the_docs_is_the_zoos(capsys):
    list_models.main([])
    page, printed = (Path(__file__).parents[2] / "docs" / "models.md").read_text(), capsys.readouterr().out
    assert printed in page, "put the output of `python -m jaxcls.tools.list_models` there"
    assert len(printed.splitlines()) == len(zoo.list_models()) + 2


def test_some_of_it(capsys):
    list_models.main(["resnet50", "--pretrained"])
    row = capsys.readouterr().out.splitlines()[-1]
    assert row == "| `resnet50` | ResNet | 224 | 1000 | 76.55 | 93.06 | MMClassification 0.25 | yes |"
    with pytest.raises(UserError, match="'resnet5' fits no model; did you mean"):
        list_models.main(["resnet5"])
