"""What a machine whose CPU computes needs, before JAX is loaded."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import re
import sys
from pathlib import Path

LARGE_PAGES = "glibc.malloc.hugetlb"  # in GLIBC_TUNABLES, =1
_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def is_alone(platforms: str | None) -> bool:
    """Whether JAX can have no other devices than CPUs.

    Args:
        platforms: those that it is told to use, as in `JAX_PLATFORMS`.
    """
    if platforms:
        return platforms == "cpu"
    plugins = importlib.util.find_spec("jax_plugins")
    found = [*pkgutil.iter_modules(plugins.submodule_search_locations or ())] if plugins else []
    entry_points = importlib.metadata.entry_points(group="jax_plugins")
    return not (found or entry_points or importlib.util.find_spec("libtpu"))


def restart_with_large_pages() -> None:
    """Starts this process again, under the same number, with memory in pages of 2 MiB instead of 4 KiB.

    XLA asks for a program's temporary memory, hundreds of MiB, in one piece. glibc has the system map it anew in each
    step, and the system clears each page when it is first touched: with small pages up to a third of a training step
    (docs/performance.md). glibc reads `glibc.malloc.hugetlb` once, when a process starts.

    Nothing happens where it would bring nothing (an accelerator, another C library, a kernel that gives large pages to
    all or to nobody), where the user has set the tunable, or where the command line would not start the same again.
    """
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if LARGE_PAGES not in tunables and _on_request() and is_alone(os.environ.get("JAX_PLATFORMS")) and _starts_alike():
        os.environ["GLIBC_TUNABLES"] = ":".join(filter(None, [tunables, f"{LARGE_PAGES}=1"]))
        sys.stdout.flush()
        with contextlib.suppress(OSError):  # small pages do, too
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _starts_alike() -> bool:
    """Whether this process is a command, and nothing but that: no shell, no debugger, no program that has used JAX."""
    arguments = sys.argv[1:]
    inside = {"jax", "IPython", "pydevd"} & sys.modules.keys()
    from_file = hasattr(sys.modules["__main__"], "__file__")  # not from standard input
    as_given = sys.orig_argv[len(sys.orig_argv) - len(arguments) :] == arguments
    return bool(sys.executable and from_file and as_given and not inside and not sys.gettrace())


def _on_request() -> bool:
    """Whether processes get large pages that ask for them, and glibc, from 2.35 on, asks."""
    try:
        version = re.match(r"glibc (\d+)\.(\d+)", os.confstr("CS_GNU_LIBC_VERSION") or "")
        return bool(version and (int(version[1]), int(version[2])) >= (2, 35) and "[madvise]" in _PAGES.read_text())
    except (AttributeError, ValueError, OSError):  # Windows; musl or macOS; a kernel without large pages
        return False
