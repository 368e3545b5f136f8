"""JAX's compilation cache on disk: what one process has compiled, the next ones read.

The folder is the user's own, one for each version of jaxlib and each kind of processor: XLA's programs for a CPU are
machine code, and homes are shared between machines. JAX locks it, keeps it below a size by removing what was used
longest ago, and compiles anew what it cannot read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import platform
import shutil
import time
import zlib
from pathlib import Path

import jax
import jaxlib
from filelock import FileLock, Timeout
from jax.experimental.compilation_cache import compilation_cache

from jaxcls.paths import expand

MAX_SIZE = 2 * 2**30  # bytes
MIN_SECONDS = 0.2  # programs that compile faster are not worth a file
UNUSED_DAYS = 90  # after which the folder of another jaxlib or processor goes
_WHOLE = "whole.json"  # entries that have been read once, with size and time: they need not be read again
_log = logging.getLogger("jaxcls")


def use_cache(where: bool | str = True) -> None:
    """Lets JAX keep compiled programs on disk, in `where` or the user's cache folder, from now on.

    What the environment says comes first: with `JAX_COMPILATION_CACHE_DIR` nothing is changed, and
    `JAX_ENABLE_COMPILATION_CACHE=0` turns the cache off. A folder that cannot be used gives a warning.

    Args:
        where: a folder; True: `$XDG_CACHE_HOME/jaxcls/compiled`, `~/.cache/…` without that variable; False: no cache.
    """
    options = jax.config.values
    if not where or options["jax_compilation_cache_dir"] or not options["jax_enable_compilation_cache"]:
        return
    try:
        folder = _parent(where) / f"jaxlib-{jaxlib.__version__}-{_processor()}"
        _prepare(folder)
    except (OSError, RuntimeError, Timeout) as error:  # RuntimeError: nobody's home is known
        _log.warning("the compilation cache is off, so that every start compiles anew: %s", error)
        return
    _set("jax_compilation_cache_max_size", MAX_SIZE)
    _set("jax_persistent_cache_min_compile_time_secs", MIN_SECONDS)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    compilation_cache.reset_cache()  # JAX looks once, at its first program


def _parent(where: bool | str) -> Path:
    if isinstance(where, str):
        return expand(where)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache") / "jaxcls" / "compiled"


def _set(option: str, value: float) -> None:
    """An option of JAX, unless the environment has it."""
    if option.upper() not in os.environ:
        jax.config.update(option, value)


def _processor() -> str:
    """What machine code depends on: `x86_64-` and a digest of the processor's name and abilities."""
    text = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = ("model name", "flags", "Features", "CPU part")
        text = "\n".join(dict.fromkeys(line for line in lines if line.startswith(names)))
    return f"{platform.machine()}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _prepare(folder: Path) -> None:
    """Makes the folder, and removes what is damaged in it and what nobody uses beside it.

    Raises:
        OSError: it cannot be written.
        Timeout: another process holds it for longer than a start should wait.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(folder / ".lockfile", timeout=10):  # JAX's own
        _remove_damaged(folder)
    for other in folder.parent.glob("jaxlib-*"):
        with contextlib.suppress(OSError):
            if time.time() - other.stat().st_mtime > UNUSED_DAYS * 86400:
                shutil.rmtree(other)


def _remove_damaged(folder: Path) -> None:
    """Removes entries that a killed process or a full disk has left in part, or that changed since."""
    try:
        seen = json.loads((folder / _WHOLE).read_text())
    except (OSError, ValueError):
        seen = {}
    whole: dict[str, list[int]] = {}
    damaged = 0
    for entry in folder.glob("*-cache"):
        mark, used = entry.stat(), entry.with_name(entry.name.removesuffix("cache") + "atime")
        whole[entry.name] = [mark.st_size, mark.st_mtime_ns]
        if seen.get(entry.name) != whole[entry.name] and not _is_whole(entry.read_bytes()):
            del whole[entry.name]
            damaged += 1
            entry.unlink()
            used.unlink(missing_ok=True)
        elif not used.exists():  # JAX would stop at it when it looks for what to remove
            used.write_bytes(bytes(8))
    if damaged:
        _log.warning("compilation cache %s: damaged entries are removed and compiled anew: %d", folder, damaged)
    partial = folder / f"{_WHOLE}.{os.getpid()}"
    partial.write_text(json.dumps(whole))
    partial.replace(folder / _WHOLE)


def _is_whole(data: bytes) -> bool:
    """Whether an entry can be unpacked; JAX packs with zlib, or with zstandard where that is installed."""
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return _is_whole_zstandard(data)
    try:
        zlib.decompress(data)
    except zlib.error:
        return False
    return True


def _is_whole_zstandard(data: bytes) -> bool:
    try:
        import zstandard
    except ImportError:  # nothing here can tell
        return True
    try:
        zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError:
        return False
    return True
