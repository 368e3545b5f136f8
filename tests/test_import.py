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


def test_processes_that_make_batches_load_neither_jax_nor_grain():
    """They start in a third of the time, and take less memory."""
    code = (
        "import sys, jaxcls.data.batches, jaxcls.data.loader, jaxcls.data.pipeline; "
        "assert not {'jax', 'flax', 'grain', 'orbax', 'tensorflow_datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parent.parent)
