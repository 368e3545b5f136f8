"""The commands of `jaxcls`: their table, their help, their flags, and a shell that completes them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jaxcls import __main__ as command
from jaxcls.errors import UserError
from jaxcls.shipped import recipes, shipped
from jaxcls.tools.command_line import CommandLine, positive
from jaxcls.tools.commands import COMMANDS, NAMES, SCRIPTS, options, summary
from jaxcls.tools.completion import script
from tests.commands import ROOT


def test_every_tool_is_in_the_table_once():
    files = {file.stem for file in (ROOT / "jaxcls/tools").glob("*.py") if "start(main)" in file.read_text()}
    assert set(NAMES) == {*files, *SCRIPTS}
    assert len(NAMES) == len(set(NAMES))


def test_help_says_what_each_does(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["jaxcls"])
    command.main()
    text = capsys.readouterr().out
    assert all(f"\n{group}:\n" in text for group in COMMANDS)
    assert all(f"  {name} " in text and summary(name).endswith(".") and summary(name) in text for name in NAMES)
    assert "Recipes: airbench, alexnet, " in text


def test_an_unknown_command_gets_the_close_one(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["jaxcls", "predikt"])
    with pytest.raises(SystemExit, match="'predikt' is no command; did you mean 'predict'"):
        command.main()


def test_a_command_is_loaded_when_it_is_asked_for():
    code = (
        "import sys, jaxcls.__main__ as command; command._help(); "
        "assert not {'jax', 'numpy', 'absl', 'jaxcls.tools.predict'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_tool_says_how_it_was_called(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["jaxcls", "print-config", "--help"])
    with pytest.raises(SystemExit):
        command.main()
    assert capsys.readouterr().out.startswith("usage: jaxcls print_config ")


def test_flags_may_stand_anywhere():
    line = CommandLine(name="predict")
    line.add_argument("images", nargs="+")
    line.add_argument("--topk", type=positive)
    found = line.options(["a.jpg", "--topk=3", "b.jpg", "c.jpg"])
    assert found == {"images": ["a.jpg", "b.jpg", "c.jpg"], "topk": 3}
    for text in ("0", "-1", "1.0", "²", ""):
        with pytest.raises(UserError, match=f"--topk: '{text}'; expected a whole number from 1"):
            line.options(["a.jpg", f"--topk={text}"])
    with pytest.raises(UserError, match="unrecognized arguments: --top=3; did you mean '--topk'"):
        line.options(["a.jpg", "--top=3"])


def test_an_empty_config_is_none():
    line = CommandLine(name="print_config")
    line.add_config()
    with pytest.raises(UserError, match="--config"):
        line.options(["--config="])


def test_flags_are_read_from_the_source():
    assert {"--config=", "--workdir=", "--resume", "--noresume", "--seed="} <= set(options("train"))
    assert {"--ckpt=", "--config=", "--tta", "--out="} <= set(options("predict"))
    assert {"plot_curve", "cal_train_time", "--keys="} <= set(options("analyze_logs"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["jaxcls", "eval"], "evaluate eval_metric"),
        (["jaxcls", "train", "--res"], "--resume"),
        (["jaxcls", "train", "--config", "=", "resne"], "resnest resnet resnext"),
        (["jaxcls", "train", "--config", "="], " ".join(recipes())),
        (["jaxcls", "predict", "--ou"], "--out="),
    ],
)
def test_bash_completes(words, expected, tmp_path):
    typed = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; compopt() {{ :; }}; _jaxcls"
    code = f'{script("bash")}{typed}; echo "${{COMPREPLY[*]}}"'
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == expected
    assert not done.stderr


def test_recipes_are_where_the_checkout_has_them():
    assert shipped("configs") == ROOT / "configs"
    assert shipped("train.py") == ROOT / "train.py"
