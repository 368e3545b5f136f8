"""docs/licences.md names what is installed, with the licence that each package states."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

from tests.commands import ROOT

PAGE = (ROOT / "docs/licences.md").read_text()
PARTS = PAGE.split("\n## ")[1:]
DIRECT, ALONG = (dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", part, re.MULTILINE)) for part in PARTS[:2])
LISTED = DIRECT | {name: licence for licence, names in ALONG.items() for name in names.split(", ")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def name_of(requirement):
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def installed(names):
    """All packages that these need, as far as they are installed."""
    found, waiting = {}, list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            try:
                found[name] = metadata.metadata(name)
            except metadata.PackageNotFoundError:  # for another system or Python
                continue
            waiting += [name_of(text) for text in metadata.requires(name) or [] if "extra ==" not in text]
    return found


def test_every_dependency_is_listed():
    named = {name_of(text) for text in PROJECT["dependencies"]}
    assert named == set(DIRECT) - {"package", "---"}
    extras = {extra for extra in PROJECT["optional-dependencies"] if extra not in ("test", "dev", "docs", "notebooks")}
    assert all(f"`{extra}`" in PAGE for extra in extras)


def test_what_they_bring_along_is_listed_with_the_licence_that_it_states():
    packages = installed(name_of(text) for text in PROJECT["dependencies"])
    assert set(packages) <= set(LISTED)
    stated = {name: expression for name, data in packages.items() if (expression := data.get("License-Expression"))}
    assert len(stated) > 10
    assert stated == {name: LISTED[name] for name in stated}
