"""The pages in docs/ and the README: their links, commands and code; `-m slow` runs the guides and builds the site."""

from __future__ import annotations

import ast
import functools
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from jaxcls.tools.commands import NAMES, SCRIPTS, options
from tests.commands import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
ALL = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
# in this order, in one folder: later ones use the pictures and runs of earlier ones
GUIDES = (
    "own_data",
    "five_tasks",
    "fine_tuning",
    "imbalance",
    "multi_label",
    "distributed",
    "reproducibility",
    "performance",
)
PLAIN = ("flax_and_optax", "training_step")


def blocks(path, *kinds):
    return [(kind, text) for kind, text in BLOCK.findall(path.read_text()) if kind in kinds]


def anchors(path):
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", ALL, ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", ALL, ids=lambda path: path.name)
def test_named_tests_and_benchmarks_are_there(page):
    named = re.findall(r"\b(?:tests|benchmarks)/[\w/]+\.\w+", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_page_is_in_the_index():
    listed = set(
        " ".join(re.findall(r"```\{toctree\}\n:caption:.*\n([\w\n]+)```", (DOCS / "index.md").read_text())).split()
    )
    assert listed == {page.stem for page in PAGES} - {"index"}


def commands(text):
    """(name, arguments) of each command of ours in a block for the shell."""
    for line in text.replace("\\\n", " ").splitlines():
        found = re.search(
            r"(?:^|&& |srun |\d )(?:jaxcls |python -m jaxcls\.tools\.|python )(\w+)(?:\.py)?(?= |$)(.*)", line
        )
        if found and (found[1] in NAMES or not line.lstrip().startswith("python ")):
            yield found[1], found[2].split("  #")[0]


@pytest.mark.parametrize("page", ALL, ids=lambda path: path.name)
def test_commands_and_their_flags_exist(page):
    for _, text in blocks(page, "sh", "text"):
        for name, rest in commands(text):
            assert name in NAMES, name
            known = {option.rstrip("=") for option in options(name)} | {"--help"}
            flags = re.findall(r"(?<= )(--[\w-]+)(?!\S*\.\w)", rest.replace("--some-flag", ""))
            given = {flag if name in SCRIPTS else flag.replace("-", "_").replace("__", "--", 1) for flag in flags}
            assert given - {"--config"} <= known, (name, given - known)


def test_there_are_commands():
    assert sum(len(list(commands(text))) for page in ALL for _, text in blocks(page, "sh", "text")) > 60


@pytest.mark.parametrize("page", ALL, ids=lambda path: path.name)
def test_code_is_python(page):
    for _, text in blocks(page, "python"):
        if "…" not in text:
            ast.parse(text)


@functools.cache
def messages():
    """The package's source, its texts in pieces put together."""
    text = "\n".join(path.read_text() for path in (ROOT / "jaxcls").rglob("*.py"))
    return re.sub(r"\{[^{}]*\}", "", re.sub(r"\"\s+f?\"", "", text.replace("\\'", "'")))


def test_messages_of_the_page_are_the_programs():
    text = (DOCS / "troubleshooting.md").read_text().partition("## Memory")[0]
    cells = re.findall(r"^\| (`.+?`) \|", text, re.MULTILINE)
    pieces = [piece for cell in cells for piece in re.findall(r"`([^`]+)`", cell)]
    assert len(pieces) > 25
    missing = [piece for piece in pieces if re.sub(r"\{[^{}]*\}", "", piece) not in messages()]
    assert not missing


def test_figures_of_scale_are_what_its_block_prints(capsys):
    (_, code), (_, figures) = blocks(DOCS / "scale.md", "python", "text")
    exec(code, {})
    assert capsys.readouterr().out == figures


def shell(text, folder):
    """Runs a block, with `jaxcls` as an installed package has it."""
    program = folder / "bin" / "jaxcls"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m jaxcls "$@"\n')
    program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    variables = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "XLA_FLAGS": ""}  # as a user's
    done = subprocess.run(["bash", "-euc", text], cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, text + done.stderr[-3000:]


def run_page(name, folder):
    """Runs a page's blocks in turn; a block of Python whose first line names a file becomes that file."""
    script = []
    for kind, text in blocks(DOCS / f"{name}.md", "sh", "python"):
        if kind == "sh":
            shell(text, folder)
        elif found := re.match(r"# (\w+\.py)\n", text):
            (folder / found[1]).write_text(text)
        else:
            script.append(text)
            (folder / "block.py").write_text("\n".join(script) if name in PLAIN else text)
            if name not in PLAIN:
                shell(f"{shlex.quote(sys.executable)} block.py", folder)
    if name in PLAIN:
        shell(f"{shlex.quote(sys.executable)} block.py", folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the guides run, one after the other."""
    return tmp_path_factory.mktemp("guides")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", GUIDES)
def test_the_guides_run(name, folder):
    run_page(name, folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN)
def test_code_for_other_programs_runs(name, tmp_path):
    run_page(name, tmp_path)


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    """It needs pip install -e '.[docs]'."""
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", DOCS, tmp_path]
    done = subprocess.run(build, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Path(tmp_path, "api.html").exists()
