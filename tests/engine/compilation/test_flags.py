"""XLA's options: which are in force, and that none breaks a start."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from jaxcls.engine.compilation import flags

ROOT = Path(__file__).resolve().parent.parent.parent.parent
KERNEL_GRADIENT = """
import jax, jax.numpy as jnp
from jax import lax
from jaxcls.engine.compilation.flags import set_flags
print(set_flags())
def convolve(kernel, x):
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
gradient = jax.jit(lambda x, kernel, dy: jax.vjp(lambda k: convolve(k, x), kernel)[1](dy)[0])
x, kernel = jnp.ones((8, 16, 16, 16)), jnp.ones((3, 3, 16, 16))
print("ynn" in gradient.lower(x, kernel, x).compile().as_text())
"""


def run(**environment):
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "", **environment}
    command = [sys.executable, "-c", KERNEL_GRADIENT]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_which_are_in_force():
    """From 0.9 on, jaxlib has the option; there, a kernel's gradient is XLA's own convolution."""
    known = tuple(map(int, importlib.metadata.version("jaxlib").split(".")[:2])) >= (0, 9)
    expected = tuple(f"--{name}={value}" for name, value in flags.FLAGS.items()) if known else ()
    assert run() == [str(expected), "False"]


def test_the_users_own_stays():
    is_known = flags.is_known(flags.YNN_FUSION)  # else there is nothing that jaxcls would set
    own = f"--{flags.YNN_FUSION}=+LIBRARY_FUSION_TYPE_DOT" if is_known else "--xla_cpu_multi_thread_eigen=true"
    assert run(XLA_FLAGS=own)[0] == "()"


@pytest.fixture
def unstarted(monkeypatch):
    monkeypatch.setattr(jax._src.xla_bridge, "backends_are_initialized", lambda: False)
    monkeypatch.setenv("XLA_FLAGS", "--xla_a=1")


def test_an_unknown_option_is_left_out(unstarted, monkeypatch):
    monkeypatch.setattr(flags, "FLAGS", {"xla_no_such_option": "1", flags.YNN_FUSION: "-NO_SUCH_TYPE"})
    assert flags.set_flags() == ()
    assert os.environ["XLA_FLAGS"] == "--xla_a=1"


@pytest.mark.parametrize(
    ("library", "expected"),
    [
        (b"..\0xla_a\0..\x06TYPE_B\x10\x05", True),
        (b"..R\x05xla_aR..\x06TYPE_B\x10\x05", False),  # of another time
        (b"..\0xla_a\0..R\x06TYPE_BR", False),
        (b"..\0xla_ab\0..\x06TYPE_B\x10\x05", False),
    ],
)
def test_names_that_are_options_no_more(library, expected, tmp_path, monkeypatch):
    (tmp_path / "libjax_common.so").write_bytes(library)
    monkeypatch.setattr(flags.jaxlib, "__file__", str(tmp_path / "__init__.py"))
    assert flags.is_known("xla_a", "-TYPE_B") == expected


@pytest.mark.parametrize(
    ("platforms", "plugins", "expected"), [("cuda,cpu", (), 0), (None, ("cuda",), 0), (None, (), 1)]
)
def test_only_where_a_cpu_will_run_it(unstarted, monkeypatch, platforms, plugins, expected):
    monkeypatch.setattr(flags, "is_known", lambda name, value: True)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: plugins)
    before = jax.config.values["jax_platforms"]
    jax.config.update("jax_platforms", platforms)
    try:
        assert len(flags.set_flags()) == expected
    finally:
        jax.config.update("jax_platforms", before)


def test_not_once_devices_are_in_use(monkeypatch):
    jax.devices()
    monkeypatch.setenv("XLA_FLAGS", "")
    assert flags.set_flags() == ()
    assert os.environ["XLA_FLAGS"] == ""
