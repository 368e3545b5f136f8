"""The compilation cache: where it is, what it survives, and that it changes no number."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import jax
import jaxlib
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from jaxcls.engine.checkpoints.storage import restore_checkpoint
from jaxcls.engine.compilation import cache
from jaxcls.engine.compilation.cache import use_cache

ROOT = Path(__file__).resolve().parent.parent.parent.parent
OPTIONS = (
    "jax_compilation_cache_dir",
    "jax_compilation_cache_max_size",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_enable_compilation_cache",
)


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """JAX as it starts, without a cache, in a home of the test's own."""
    before = {name: jax.config.values[name] for name in OPTIONS}
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in OPTIONS:
        monkeypatch.delenv(name.upper(), raising=False)
    yield tmp_path
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture
def warnings_of(caplog, monkeypatch):
    monkeypatch.setattr(cache._log, "propagate", True)
    return caplog


def entries(folder):
    return sorted(path.name for path in folder.glob("*-cache"))


def test_a_folder_of_the_users_for_each_jaxlib_and_processor(fresh):
    use_cache()
    folder = Path(jax.config.values["jax_compilation_cache_dir"])
    assert folder.parent == fresh / "cache" / "jaxcls" / "compiled"
    assert folder.name == f"jaxlib-{jaxlib.__version__}-{cache._processor()}"
    assert folder.stat().st_mode & 0o077 == 0
    assert jax.config.values["jax_compilation_cache_max_size"] == cache.MAX_SIZE
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.jit(lambda x: x * 3 + 1)(np.float32(1)).block_until_ready()
    assert entries(folder)
    assert (folder / ".lockfile").exists()


def test_other_processors_have_other_folders(monkeypatch):
    names = set()
    for text in ("model name : a\nflags : sse\n", "model name : a\nflags : sse avx\n", "model name : b\nflags : sse\n"):
        monkeypatch.setattr(Path, "read_text", lambda path, text=text: text)
        names.add(cache._processor())
    assert len(names) == 3


def test_a_folder_of_the_configs(fresh):
    use_cache(str(fresh / "mine"))
    assert Path(jax.config.values["jax_compilation_cache_dir"]).parent == fresh / "mine"


def test_what_the_user_has_set_comes_first(fresh, monkeypatch):
    use_cache(False)
    assert jax.config.values["jax_compilation_cache_dir"] is None
    jax.config.update("jax_enable_compilation_cache", False)
    use_cache()
    assert jax.config.values["jax_compilation_cache_dir"] is None
    jax.config.update("jax_enable_compilation_cache", True)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_MAX_SIZE", "5")
    jax.config.update("jax_compilation_cache_max_size", 5)
    use_cache()
    assert jax.config.values["jax_compilation_cache_max_size"] == 5
    jax.config.update("jax_compilation_cache_dir", "/somewhere")
    use_cache()
    assert jax.config.values["jax_compilation_cache_dir"] == "/somewhere"
    assert not (fresh / "somewhere").exists()


def test_a_folder_that_cannot_be_written_is_no_hindrance(fresh, warnings_of, monkeypatch):
    (fresh / "file").write_text("")
    use_cache(str(fresh / "file"))
    assert jax.config.values["jax_compilation_cache_dir"] is None
    assert "the compilation cache is off, so that every start compiles anew" in warnings_of.text
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    use_cache()
    assert jax.config.values["jax_compilation_cache_dir"] is None


def test_damaged_entries_go(tmp_path, warnings_of):
    whole = zlib.compress(b"a program" * 1000)
    for name, data in {"a": whole, "b": whole[:-9], "c": b"", "d": b"no program"}.items():
        (tmp_path / f"{name}-cache").write_bytes(data)
        (tmp_path / f"{name}-atime").write_bytes(bytes(8))
    (tmp_path / "e-cache").write_bytes(whole)  # the process died before it wrote the time
    cache._prepare(tmp_path)
    assert entries(tmp_path) == ["a-cache", "e-cache"]
    assert sorted(path.name for path in tmp_path.glob("*-atime")) == ["a-atime", "e-atime"]
    assert "damaged entries are removed and compiled anew: 3" in warnings_of.text


def test_without_a_decompressor_nothing_is_called_damaged(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    (tmp_path / "a-cache").write_bytes(b"\x28\xb5\x2f\xfd and no more")  # by its first bytes Zstandard's
    cache._prepare(tmp_path)
    assert entries(tmp_path) == ["a-cache"]


def test_what_was_whole_is_read_again_only_when_it_has_changed(tmp_path, monkeypatch):
    (tmp_path / "a-cache").write_bytes(zlib.compress(b"a"))
    cache._prepare(tmp_path)
    monkeypatch.setattr(cache, "_is_whole", lambda data: pytest.fail("read again"))
    cache._prepare(tmp_path)
    monkeypatch.undo()
    (tmp_path / "a-cache").write_bytes(b"changed since")
    (tmp_path / "whole.json").write_text("{")  # and this is damaged, too
    cache._prepare(tmp_path)
    assert not entries(tmp_path)


def test_what_nobody_uses_any_more_goes(tmp_path):
    for name, days in (("jaxlib-0.1-x", 91), ("jaxlib-0.2-x", 1), ("other", 91)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, os.path.getmtime(tmp_path) - days * 86400))
    cache._prepare(tmp_path / "jaxlib-0.3-x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jaxlib-0.2-x", "jaxlib-0.3-x", "other"]


def train(workdir, home, *arguments):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("JAX_COMP", "JAX_PERS"))}
    environment |= {"XDG_CACHE_HOME": str(home), "XLA_FLAGS": ""}
    command = [sys.executable, "train.py", "--config=tests/recipe.py", f"--workdir={workdir}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
def test_a_cached_program_continues_bit_for_bit(tmp_path):
    keep = ["--config.runner.max_epochs=2", "--config.checkpoint_config.max_keep_ckpts=-1"]
    log = train(tmp_path / "whole", tmp_path / "cold", *keep)
    assert "training step: compiled in" in log
    assert "evaluation step: compiled in" in log
    shutil.copytree(tmp_path / "whole", tmp_path / "resumed")
    shutil.rmtree(tmp_path / "resumed" / "checkpoints" / "2")
    log = train(tmp_path / "resumed", tmp_path / "cold", *keep, "--resume")
    assert "training step: read from the compilation cache in" in log
    assert "evaluation step: read from the compilation cache in" in log
    whole, resumed = (restore_checkpoint(tmp_path / name / "checkpoints" / "2")[0] for name in ("whole", "resumed"))
    assert jax.tree.all(jax.tree.map(np.array_equal, whole, resumed))
