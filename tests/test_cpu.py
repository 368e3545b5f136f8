"""A command's start on a CPU: memory in large pages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxcls import cpu

ROOT = Path(__file__).resolve().parent.parent
# A command, its work replaced: 64 MiB of memory, whose flags the kernel tells (hg: large pages were asked for).
COMMAND = """
import os, sys
from pathlib import Path
from jaxcls.tools import command_line

def main(arguments):
    memory = bytearray(2**26)
    regions = Path("/proc/self/smaps").read_text().split("VmFlags:")
    sizes, flags = [int(text.split("Size:")[1].split()[0]) for text in regions[:-1]], regions[1:]
    large = [words.splitlines()[0].split() for size, words in zip(sizes, flags) if 2**16 <= size < 2**17]
    print(os.getpid(), os.environ["GLIBC_TUNABLES"], any("hg" in words for words in large), *arguments)

command_line.start(main)
"""
on_request = pytest.mark.skipif(not cpu._on_request(), reason="no large pages on request")


def start(folder: Path, *arguments: str, **environment: str) -> tuple[int, list[str]]:
    """The process's number, and what it printed."""
    (folder / "command.py").write_text(COMMAND)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", **environment}
    command = [sys.executable, "-W", "error", "command.py", *arguments]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return process.pid, printed.split()


@on_request
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "glibc.malloc.hugetlb=1"),
        ("glibc.malloc.tcache_count=9", "glibc.malloc.tcache_count=9:glibc.malloc.hugetlb=1"),
    ],
)
def test_memory_comes_in_large_pages(tmp_path, given, expected):
    number, printed = start(tmp_path, "a b", "--flag", GLIBC_TUNABLES=given)
    assert printed == [str(number), expected, "True", "a", "b", "--flag"]


def test_the_users_own_stays(tmp_path):
    number, printed = start(tmp_path, GLIBC_TUNABLES="glibc.malloc.hugetlb=0")
    assert printed == [str(number), "glibc.malloc.hugetlb=0", "False"]


@pytest.fixture
def starts(monkeypatch):
    """Command lines of what would have been started, where nothing stands against it."""
    made = []
    monkeypatch.setattr(cpu.os, "execv", lambda *arguments: made.append(arguments))
    monkeypatch.setattr(cpu, "_on_request", lambda: True)
    monkeypatch.setattr(cpu, "is_alone", lambda platforms: True)
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-X", "dev", "train.py", "--config=a"])
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "train.py", raising=False)
    monkeypatch.delitem(sys.modules, "jax")
    monkeypatch.setenv("GLIBC_TUNABLES", "")
    return made


def test_the_command_line_is_the_same(starts):
    cpu.restart_with_large_pages()
    assert starts == [(sys.executable, [sys.executable, "-X", "dev", "train.py", "--config=a"])]


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (cpu, "_on_request", lambda: False),
        (cpu, "is_alone", lambda platforms: False),
        (sys, "gettrace", lambda: print),
        (sys, "executable", ""),
        (sys, "modules", {**sys.modules, "jax": None}),
        (sys, "modules", {"__main__": object()}),
    ],
)
def test_where_it_would_bring_nothing_or_another_start(starts, monkeypatch, owner, name, value):
    monkeypatch.setattr(owner, name, value)
    cpu.restart_with_large_pages()
    assert not starts


@pytest.mark.parametrize(
    ("version", "pages", "expected"),
    [
        ("glibc 2.35", "always [madvise] never", True),
        ("glibc 3.0", "always [madvise] never", True),
        ("glibc 2.34", "always [madvise] never", False),
        ("glibc 2.36", "[always] madvise never", False),
        ("glibc 2.36", "always madvise [never]", False),
        ("glibc 2.36", None, False),
        ("", "always [madvise] never", False),
        (None, "always [madvise] never", False),
        (ValueError, "always [madvise] never", False),
        (AttributeError, "always [madvise] never", False),
    ],
)
def test_who_gets_large_pages_on_request(tmp_path, monkeypatch, version, pages, expected):
    def confstr(name):
        if isinstance(version, type):
            raise version
        return version

    monkeypatch.setattr(cpu.os, "confstr", confstr)
    monkeypatch.setattr(cpu, "_PAGES", tmp_path / "enabled")
    if pages is not None:
        cpu._PAGES.write_text(pages)
    assert cpu._on_request() == expected
