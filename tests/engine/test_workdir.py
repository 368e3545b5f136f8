from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jaxcls.engine.workdir import check_free, held
from jaxcls.errors import UserError
from tests.engine.tiny import train

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_run_that_saved_nothing_is_begun_anew(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "best.json").write_text('{"number": 1, "metric": "loss", "score": 0.0}')
    (tmp_path / "20200101_000000.log").write_text("an earlier start\n")
    train(tmp_path, evaluation={"interval": 1})
    assert (tmp_path / "20200101_000000.log").read_text() == "an earlier start\n"
    assert len(list(tmp_path.glob("*.log"))) == 2
    assert not (tmp_path / "best.json").exists()
    with pytest.raises(UserError, match="holds a run already; continue it with --resume, or give another --workdir"):
        train(tmp_path)


@pytest.mark.parametrize("folder", ["checkpoints/3", "interrupted/7"])
def test_a_checkpoint_is_not_mixed_with_another_run(folder, tmp_path):
    (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(UserError, match="holds a run already"):
        check_free(tmp_path, continues=False)
    check_free(tmp_path, continues=True)


@pytest.mark.parametrize("continues", [False, True])
def test_two_processes_do_not_train_in_one_folder(continues, tmp_path):
    code = f"""
from pathlib import Path
from jaxcls.engine.workdir import held
with held(Path({str(tmp_path)!r})):
    print("held", flush=True)
    input()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another process trains here; wait for its end"):
            check_free(tmp_path, continues=continues)
        other.kill()
    check_free(tmp_path, continues=continues)
    with held(tmp_path), pytest.raises(UserError, match="another process trains here"):
        check_free(tmp_path, continues=continues)
