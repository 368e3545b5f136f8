"""The test session: stricter than production, on eight simulated devices."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import tempfile
from pathlib import Path

from jaxcls.engine.compilation.flags import is_known

# Before JAX starts its backend: eight devices; and tests compile more than they compute, so that the others, which make
# compilation cheap, cut their time by half. An option that a jaxlib does not know would end the process.
os.environ["XLA_FLAGS"] = " ".join(
    [os.environ.get("XLA_FLAGS", ""), "--xla_force_host_platform_device_count=8"]
    + [
        f"--{name}={value}"
        for name, value in (
            ("xla_backend_optimization_level", 0),
            ("xla_llvm_disable_expensive_passes", "true"),
            ("xla_cpu_use_fusion_emitters", "false"),
            ("xla_cpu_parallel_codegen_split_count", 1),
            ("xla_cpu_multi_thread_eigen", "false"),
        )
        if is_known(name)
    ]
).strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# What one test has compiled serves the others, those in other workers and the commands that they start, too.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _compiled = tempfile.TemporaryDirectory(prefix="jaxcls-tests-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _compiled.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"  # what takes less is compiled sooner than read

import pytest

from jaxcls.engine.log import close_log, get_logger

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).resolve().parent / "golden"
sys.path.insert(0, str(ROOT))  # configs, train.py and evaluate.py


@pytest.fixture(scope="module", autouse=True)
def garbage():
    """Collected after each file instead of again and again within it: what JAX keeps makes each collection slow."""
    gc.disable()
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def fill():
    """The golden files' weights, images and labels."""
    spec = importlib.util.spec_from_file_location("fill", GOLDEN / "fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden():
    """Where the golden files are."""
    return GOLDEN


@pytest.fixture(autouse=True)
def log_reaches_pytest(monkeypatch):
    """`caplog` sees the package's log, whatever ran before in this process; a file that a test opens is closed."""
    monkeypatch.setattr(get_logger(), "propagate", True)
    yield
    close_log()


@pytest.fixture(scope="session", autouse=True)
def tfds_data_dir(tmp_path_factory):
    """Prepared datasets of the session."""
    os.environ["TFDS_DATA_DIR"] = str(tmp_path_factory.mktemp("tfds"))
