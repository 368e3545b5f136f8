"""A command's start on a CPU: memory in large pages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from jaxcls import cpu

ROOT = Path(__file__).resolve().parent.parent
# A command, its work replaced: 64 MiB of memory, whose flags the kernel tells (hg: large pages were asked for).
COMMAND = """
import json, os
from pathlib import Path
from jaxcls.tools import command_line

def main(arguments):
    memory, kernel = bytearray(2**26), Path("/proc/self/smaps")
    regions = (kernel.read_text() if kernel.exists() else "").split("VmFlags:")
    sizes, flags = [int(text.split("Size:")[1].split()[0]) for text in regions[:-1]], regions[1:]
    large = [words.splitlines()[0].split() for size, words in zip(sizes, flags) if 2**16 <= size < 2**17]
    print(json.dumps([os.getpid(), os.environ["GLIBC_TUNABLES"], any("hg" in words for words in large), *arguments]))

command_line.start(main)
"""


def start(folder: Path, *arguments: str, **environment: str) -> tuple[int, list]:
    """The process's number, and what it printed."""
    (folder / "command.py").write_text(COMMAND)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", **environment}
    command = [sys.executable, "-W", "error", "command.py", *arguments]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return process.pid, json.loads(printed)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "glibc.malloc.hugetlb=1"),
        ("glibc.malloc.tcache_count=9", "glibc.malloc.tcache_count=9:glibc.malloc.hugetlb=1"),
    ],
)
def test_memory_comes_in_large_pages(tmp_path, given, expected):
    number, printed = start(tmp_path, "a b", "--flag", GLIBC_TUNABLES=given)
    memory = [expected, True] if cpu._on_request() else [given, False]
    assert printed == [number, *memory, "a b", "--flag"]


def test_the_users_own_stays(tmp_path):
    number, printed = start(tmp_path, GLIBC_TUNABLES="glibc.malloc.hugetlb=0")
    assert printed == [number, "glibc.malloc.hugetlb=0", False]


@pytest.fixture
def process(monkeypatch):
    """What `sys` says of a command, against which nothing stands; `started` has what was started in its place."""
    made = SimpleNamespace(
        argv=["train.py", "--config=a"],
        orig_argv=["python", "-X", "dev", "train.py", "--config=a"],
        executable="/bin/python",
        modules={"__main__": SimpleNamespace(__file__="train.py")},
        gettrace=lambda: None,
        stdout=sys.stdout,
        started=[],
    )
    monkeypatch.setattr(cpu, "sys", made)
    monkeypatch.setattr(cpu.os, "execv", lambda *arguments: made.started.append(arguments))
    monkeypatch.setattr(cpu, "_on_request", lambda: True)
    monkeypatch.setattr(cpu, "is_alone", lambda platforms: True)
    monkeypatch.setenv("GLIBC_TUNABLES", "")
    return made


def test_the_command_line_is_the_same(process):
    cpu.restart_with_large_pages()
    assert process.started == [("/bin/python", ["/bin/python", "-X", "dev", "train.py", "--config=a"])]


def test_a_start_that_fails(process, monkeypatch):
    def refuse(*arguments):
        raise PermissionError

    monkeypatch.setattr(cpu.os, "execv", refuse)
    cpu.restart_with_large_pages()  # the command goes on


@pytest.mark.parametrize("name", ["_on_request", "is_alone"])
def test_where_it_would_bring_nothing(process, monkeypatch, name):
    monkeypatch.setattr(cpu, name, lambda *arguments: False)
    cpu.restart_with_large_pages()
    assert not process.started


@pytest.mark.parametrize(
    "said",
    [
        {"executable": ""},
        {"argv": ["train.py", "--config=b"]},  # a program runs the file
        {"gettrace": lambda: print},
        *({"modules": {"__main__": SimpleNamespace(__file__="a.py"), name: None}} for name in ("jax", "IPython")),
        # debugpy, which from Python 3.12 on needs no trace function
        {"modules": {"__main__": SimpleNamespace(__file__="a.py"), "pydevd": None}},
        {"modules": {"__main__": SimpleNamespace()}},
    ],
    ids=["embedded", "run by a program", "trace", "jax", "IPython", "debugpy", "standard input"],
)
def test_where_it_would_be_another_start(process, said):
    vars(process).update(said)
    cpu.restart_with_large_pages()
    assert not process.started


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
