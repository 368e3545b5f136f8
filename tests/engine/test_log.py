from __future__ import annotations

import logging
import shutil

import pytest

from jaxcls.engine.log import ONLY_FILE, close_log, get_logger, open_log, quiet
from jaxcls.errors import UserError
from tests.engine import tiny


def lines(path):
    return [line.split(" - ", 2)[-1] for line in path.read_text().splitlines()]


@pytest.fixture(autouse=True)
def closed():
    close_log()
    yield
    close_log()


def test_what_comes_before_the_file_is_in_it(tmp_path, capsys):
    logger = get_logger()
    logger.warning("early")
    open_log(tmp_path / "a.log")
    logger.info("within")
    logger.error("why", extra=ONLY_FILE)
    close_log()
    logger.info("between")
    close_log()  # of a run that came to no file
    logger.info("early again")
    open_log(tmp_path / "b.log")
    assert lines(tmp_path / "a.log") == ["WARNING - early", "INFO - within", "ERROR - why"]
    assert lines(tmp_path / "b.log") == ["INFO - early again"]
    shown = capsys.readouterr().err
    assert shown.count("early\n") == 1
    assert "why" not in shown


def test_the_first_message_of_a_process_is_in_the_file_too(tmp_path, monkeypatch):
    monkeypatch.setattr(logging.getLogger("jaxcls"), "handlers", [])
    get_logger().warning("the first")
    open_log(tmp_path / "a.log")
    assert lines(tmp_path / "a.log") == ["WARNING - the first"]
    close_log()


def test_a_quiet_terminal_hears_of_warnings(tmp_path, capsys):
    logger = open_log(tmp_path / "a.log")
    with quiet():
        logger.info("an epoch")
        logger.warning("trouble")
    logger.info("afterwards")
    assert lines(tmp_path / "a.log") == ["INFO - an epoch", "WARNING - trouble", "INFO - afterwards"]
    shown = capsys.readouterr().err
    assert [word in shown for word in ("an epoch", "trouble", "afterwards")] == [False, True, True]


def test_a_continued_run_says_so_in_its_log(tmp_path):
    tiny.train(tmp_path / "a", runner={"max_epochs": 1})
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    tiny.train(tmp_path / "b", resume=True)
    (log,) = (tmp_path / "b").glob("*.log")
    assert "INFO - resumed epoch 1, iter 8, from checkpoint 1" in lines(log)
    head = {"type": "StackedLinearClsHead", "num_classes": 10, "in_channels": 16, "mid_channels": [16]}
    tiny.train(
        tmp_path / "c", load_from=str(tmp_path / "a"), model={**tiny.model(), "head": head}, runner={"max_epochs": 1}
    )
    (log,) = (tmp_path / "c").glob("*.log")
    (loaded,) = [line for line in lines(log) if "loaded the weights of" in line]
    assert "left as initialised: head.layers.0.fc.bias" in loaded
    assert "resumed" not in log.read_text()


def test_why_a_run_has_ended_is_in_its_log(tmp_path):
    with pytest.raises(UserError, match="learned nothing"):
        tiny.train(tmp_path, {"type": "tests.engine.hooks.test_skipped_updates:Poison"}, runner={"max_epochs": 1})
    assert lines(next(tmp_path.glob("*.log")))[-1].startswith(
        "ERROR - the run ends: UserError: the run has learned nothing"
    )
