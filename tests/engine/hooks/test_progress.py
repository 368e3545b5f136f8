from __future__ import annotations

import io
import sys

from tests.engine.tiny import train


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self):
        return True


def test_a_terminal_sees_the_epochs_progress(tmp_path, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    train(tmp_path, runner={"max_epochs": 1})
    shown = terminal.getvalue()
    assert "Epoch [1]" in shown
    assert "8/8" in shown
    assert "images/s" in shown


def test_a_run_by_iterations_shows_the_whole_run(tmp_path, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    train(tmp_path, runner={"type": "IterBasedRunner", "max_iters": 12}, evaluation={"interval": 100})
    assert "12/12" in terminal.getvalue()


def test_nothing_is_shown_where_nobody_watches(tmp_path, capfd):
    train(tmp_path, runner={"max_epochs": 1})
    assert "images/s" not in "".join(capfd.readouterr())
