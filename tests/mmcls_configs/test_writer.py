"""Recipes as text, and the tool that writes them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import jaxcls
from jaxcls import recipes
from jaxcls.config import complete, load_recipe
from jaxcls.errors import UserError
from jaxcls.mmcls.keys import ENVIRONMENT, KEYS
from jaxcls.mmcls.python_text import WIDTH, Call, source
from jaxcls.mmcls.recipe_calls import call_of
from jaxcls.mmcls.writer import recipe_text
from jaxcls.tools import convert_config
from tests.mmcls_configs.original_config import write

PAGE = (Path(__file__).parents[2] / "docs" / "mmclassification.md").read_text()
VALUES = [
    {"type": "A", "b": [1, 2.5, 1e-6, None, True], "c": (1,), "d": {}, "e": ()},
    {".dotted": {"class": 1}, "quote'd": 'say "so"', "plain": "it's"},
    [{"type": "Resize", "size": (256, -1)}] * 9,
    ["one" * 20, ("two" * 20, {"x": ["three" * 40]})],
    {"a": {"name": "x" * 100, "b": 1}},
]


@pytest.mark.parametrize("value", VALUES)
def test_text_is_the_value(value):
    text = source(value)
    assert eval(text) == value
    lines = text.splitlines()
    assert all(len(line) <= WIDTH or "x" * 100 in line or "three" * 40 in line for line in lines)
    ast.parse(text)


def test_layout():
    assert source({"a": 1, "b": "c"}) == 'dict(a=1, b="c")'
    assert source({"a": "x" * 50, "b": "y" * 50}, before=20) == f'dict(\n    a="{"x" * 50}", b="{"y" * 50}"\n)'
    assert source(["x" * 60, "y" * 60]) == f'[\n    "{"x" * 60}",\n    "{"y" * 60}",\n]'
    assert source([[1, 2], {"k": [1, 2]}], names=[([1, 2], "pair")]) == "[pair, dict(k=pair)]"


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (recipes.sgd(0.8), "recipes.sgd(0.8)"),
        (recipes.sgd(0.1, 5e-4, nesterov=True), "recipes.sgd(0.1, weight_decay=0.0005, nesterov=True)"),
        (recipes.step([30, 60]), "recipes.step([30, 60])"),
        (recipes.cosine(5, warmup_by_epoch=True), "recipes.cosine(warmup_iters=5, warmup_by_epoch=True)"),
        (recipes.adamw(1e-3, no_decay=["cls"]), 'recipes.adamw(0.001, no_decay=["cls"])'),
        (recipes.adamw(1e-3, 0.3, decay_all=True), "recipes.adamw(0.001, weight_decay=0.3, decay_all=True)"),
        (recipes.linear_head(64, 10, topk=(1,)), "recipes.linear_head(64, num_classes=10, topk=(1,))"),
        (recipes.rand_augment(7), "recipes.rand_augment(level=7)"),
        (recipes.mixup_cutmix(mixup=0.2), "recipes.mixup_cutmix(mixup=0.2)"),
    ],
)
def test_calls_of_recipes(node, text):
    assert source(call_of(node)) == text
    assert eval(text) == node


@pytest.mark.parametrize(
    "node",
    [
        {"type": "SGD", "lr": 0.1},
        {"type": "RMSprop", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
        {**recipes.adamw(1e-3), "paramwise_cfg": {"custom_keys": {"a": {"lr_mult": 2}}}},
        {**recipes.rand_augment(7), "num_policies": 3},
        {"type": "Lighting"},
        {},
    ],
)
def test_what_no_recipe_gives(node):
    assert call_of(node) is None


def test_variables_are_what_shortens_the_text():
    shared = {"type": "CUB", "ann_file": "a" * 50, "data_prefix": "b" * 50}
    norm_cfg = {"type": "SyncBN", "requires_grad": True}
    backbone = {"type": "ResNet", "depth": 50, "num_stages": 4, "out_indices": (3,), "style": "pytorch"}
    config = {
        "model": {"type": "ImageClassifier", "backbone": backbone | {"norm_cfg": norm_cfg, "drop_path_rate": 0.05}},
        "data": {"train": shared | {"pipeline": [1]}, "val": shared | {"pipeline": [2], "test_mode": True}},
    }
    text = recipe_text(config, "title", "file.py")
    assert "train=dict(source, pipeline=train_pipeline)" in text
    assert "backbone = dict(\n" in text
    assert "norm_cfg=norm_cfg" in text
    made = dict[str, object]()
    exec(text, made)
    assert made["get_config"]().to_dict() == config
    assert source(Call("f", {0: 1, "b": 2})) == "f(1, b=2)"


MORE = """
custom_hooks = [dict(type='EMAHook', momentum=1e-4), dict(type='CheckInvalidLossHook', priority='LOW')]
optimizer = dict(paramwise_cfg=dict(custom_keys={'.cls_token': dict(decay_mult=0.)}))
data = dict(drop_last=True)
fp16 = dict(loss_scale=512.)
"""


@pytest.mark.parametrize("more", ["", MORE])
def test_a_converted_config_is_the_same(more, tmp_path, capsys):
    path, out = write(tmp_path, more), tmp_path / "recipe.py"
    convert_config.main([str(path), f"--out={out}"])
    assert capsys.readouterr().out == f"{out}\n"
    assert complete(load_recipe(str(out))) == complete(jaxcls.load_mmcls_config(path))
    assert complete(load_recipe(f"configs/mmcls.py:{path}")) == {
        **complete(load_recipe(str(out))),
        "work_dir": f"work_dirs/{path.stem}",
    }
    text = out.read_text()
    assert len(text.splitlines()) <= 60
    assert text.index("model=") < text.index("batch_size") < text.index("optimizer=") < text.index("runner=")
    assert "pipeline=train_pipeline" in text


def test_mistakes(tmp_path):
    path = write(tmp_path, "optimizer = dict(lrr=1)")
    with pytest.raises(UserError, match=r"recipe\.txt; expected a file that ends in \.py"):
        convert_config.main([str(path), f"--out={tmp_path}/recipe.txt"])
    with pytest.raises(UserError, match=r"8xb32_mine\.py: optimizer: SGD has no argument 'lrr'|no argument 'lrr'"):
        convert_config.main([str(path), f"--out={tmp_path}/recipe.py"])
    assert not (tmp_path / "recipe.py").exists()
    with pytest.raises(UserError, match="expected an original config file after the colon"):
        load_recipe("configs/mmcls.py")


def test_the_page_has_every_key():
    documented = set(re.findall(r"`([\w.]+)`", PAGE))
    missing = [key for key in (*KEYS, *ENVIRONMENT, "custom_imports") if key not in documented]
    assert [key for key in missing if not any(name.startswith(f"{key}.") for name in documented)] == []
