"""The names of baaivision/EVA's EVA-02, whose code needs a GPU's packages: timm's under those names."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from jaxcls.convert import convert_state_dict, export_state_dict
from jaxcls.convert.recognise import rename_back
from jaxcls.errors import UserError
from jaxcls.models import build_classifier
from jaxcls.models.backbones.eva02 import rotary_tables
from tests.convert.reference_models import CASES

SIZE, GRID, HEAD = 56, (4, 4), 8
TOGETHER = {r"mlp\.fc1\.": "mlp.w12.", r"mlp\.fc2\.": "mlp.w3."}
APART = {
    r"attn\.([qv])_proj\.bias": r"attn.\1_bias",
    r"mlp\.fc1_g\.": "mlp.w1.",
    r"mlp\.fc1_x\.": "mlp.w2.",
    r"mlp\.norm\.": "mlp.ffn_ln.",
    r"mlp\.fc2\.": "mlp.w3.",
}


def papers(name, changes):
    for pattern, text in changes.items():
        name = re.sub(pattern, text, name)
    return name


def cases(golden, key, changes):
    """(classifier, timm's state dict of random values, the same under the paper's names)."""
    shapes, rng = json.loads((golden / "names" / f"{key}.json").read_text())["names"], np.random.default_rng(0)
    timm = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    own = {papers(name, changes): value for name, value in timm.items()}
    return build_classifier(CASES[key].model), timm, own


def positions(reference=16):
    tables = dict(zip(("freqs_cos", "freqs_sin"), rotary_tables(*GRID, HEAD, reference), strict=True))
    places = ("rope", "blocks.0.attn.rope", "blocks.1.attn.rope")
    return {f"{place}.{name}": np.asarray(table) for place in places for name, table in tables.items()}


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("eva02.timm", TOGETHER),
        ("eva02_with_norms.timm", APART),
    ],
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_papers_names(golden, key, changes, prefix, caplog):
    made, timm, own = cases(golden, key, changes)
    assert own.keys() != timm.keys()
    given = {f"{prefix}{name}": value for name, value in {**own, **positions()}.items()}
    found = convert_state_dict(made, given, image_shape=(SIZE, SIZE, 3))
    expected = convert_state_dict(made, timm, image_shape=(SIZE, SIZE, 3))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    for (path, value), (_, other) in zip(leaves(found["params"]), leaves(expected["params"]), strict=True):
        np.testing.assert_array_equal(value, other, err_msg=path)
    np.testing.assert_array_equal(found["buffers"]["backbone"]["rope.freqs_cos"], positions()["rope.freqs_cos"])


def leaves(tree, path=""):
    if not isinstance(tree, dict):
        return [(path, np.asarray(tree))]
    return [leaf for key in sorted(tree) for leaf in leaves(tree[key], f"{path}.{key}")]


def test_they_are_written(golden):
    made, _, own = cases(golden, "eva02.timm", TOGETHER)
    variables = convert_state_dict(made, own, image_shape=(SIZE, SIZE, 3))
    params = {"params": variables["params"]}
    written = rename_back(made, export_state_dict(made, params), "the paper's code")
    assert written.keys() == own.keys()
    assert all(np.array_equal(written[name], own[name]) for name in own)


def test_clips_have_another_norm(golden):
    """EVA-02-CLIP normalises within the attention: its weights are refused, with that norm's name."""
    made, _, own = cases(golden, "eva02.timm", TOGETHER)
    with pytest.raises(UserError, match=r"inner_attn_ln\.weight"):
        convert_state_dict(
            made, {**own, "blocks.0.attn.inner_attn_ln.weight": np.ones(32, np.float32)}, image_shape=(SIZE, SIZE, 3)
        )
