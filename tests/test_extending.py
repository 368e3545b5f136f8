"""The parts of docs/extending.md work outside the tree, from the shell as the page says."""

from __future__ import annotations

import json
import re

from tests import commands

PAGE = (commands.ROOT / "docs" / "extending.md").read_text()


def write_files(folder):
    """The page's Python blocks, each in the file that its first line names."""
    for name, code in re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL):
        with (folder / name).open("a") as file:
            file.write(code)


def run(folder, *arguments):
    done = commands.run(*arguments, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_own_parts_train_and_are_evaluated(tmp_path):
    write_files(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.py", "pictures.py"}
    run(tmp_path, "train.py", "--config=pictures.py", "--workdir=work_dirs/mine")
    numbers = json.loads(run(tmp_path, "evaluate.py", "--ckpt=work_dirs/mine").splitlines()[-1])
    assert numbers["accuracy_top-1"] > 90
    lines = (tmp_path / "work_dirs/mine/norms.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == [str(epoch) for epoch in range(1, 9)]


def test_the_page_s_backbone_is_frozen_by_its_layout(tmp_path, monkeypatch):
    write_files(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import mine

    backbone = mine.PlainNet(frozen_stages=1)
    frozen = [name for name in ("stem", "stages.0", "stages.1") if backbone.is_frozen((name, "conv", "kernel"))]
    assert frozen == ["stem", "stages.0"]
