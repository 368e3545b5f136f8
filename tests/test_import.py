from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import train
from jax._src import xla_bridge
assert not xla_bridge.backends_are_initialized()
"""


def test_importing_starts_no_device():
    """`jax.distributed.initialize` has to come before: train.py could not join other processes."""
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
