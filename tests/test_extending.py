"""The parts of docs/extending.md work outside the tree, from the shell as the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text()


def write_files(folder):
    """The page's Python blocks, each in the file that its first line names."""
    for name, code in re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL):
        with (folder / name).open("a") as file:
            file.write(code)


def run(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_own_parts_train_and_are_evaluated(tmp_path):
    write_files(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.py", "pictures.py"}
    run(tmp_path, ROOT / "train.py", "--config=pictures.py", "--workdir=work_dirs/mine")
    numbers = json.loads(run(tmp_path, ROOT / "evaluate.py", "--ckpt=work_dirs/mine").splitlines()[-1])
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
