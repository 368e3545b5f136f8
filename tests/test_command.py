"""How commands end."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WITHOUT_A_READER = """
import errno, os, sys
from jaxcls import command
with command.piped():
    {}
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("print('a line')", 141, ""),
        ("raise BrokenPipeError(errno.EPIPE, 'that of a worker')", 1, "that of a worker"),
    ],
)
def test_a_reader_that_has_gone_ends_a_command_without_a_word(line, status, said, unbuffered):
    """As `head` does; a pipe of the program's own that breaks is another matter."""
    reader, writer = os.pipe()
    if status == 141:
        os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_READER.format(line)],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        check=False,
    )
    os.close(writer)
    if status != 141:
        os.close(reader)
    assert done.returncode == status
    assert done.stderr.strip().endswith(said)
    assert bool(done.stderr) == bool(said)
