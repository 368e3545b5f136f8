"""How commands end."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests import commands

PROGRAM = """
import errno
from jaxcls import command
with command.piped():
    {}
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("is_read", "line", "status", "said"),
    [
        (False, "print('a line')", 141, ""),
        (True, "print('a line')", 0, ""),
        (True, "raise BrokenPipeError(errno.EPIPE, 'that of a worker')", 1, "that of a worker"),
    ],
)
def test_a_reader_that_has_gone_ends_a_command_without_a_word(is_read, line, status, said, unbuffered):
    """As `head` does; a pipe of the program's own that breaks is another matter."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as output, os.fdopen(writer) as given:
        if not is_read:
            output.close()
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(line)],
            stdout=given,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            check=False,
        )
    assert done.returncode == status
    assert done.stderr.strip().endswith(said)
    assert bool(done.stderr) == bool(said)


@pytest.mark.parametrize("script", ["train.py", "evaluate.py", "jaxcls/tools/predict.py"])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_no_failure(script, flag):
    done = commands.run(script, flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--config" in done.stdout
