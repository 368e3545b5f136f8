"""Work directories -> one HTML file."""

from __future__ import annotations

import base64
import datetime
import hashlib
import importlib.util
import math
import os
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jaxcls.convert.fetch import local
from jaxcls.errors import UserError
from jaxcls.paths import is_stored, output_file
from jaxcls.report import curves, recipe, run

NAME = "report.html"


def write_report(
    workdirs: Sequence[str | os.PathLike],
    out: str | os.PathLike | None = None,
    split: str | None = None,
    shown: int = 400,
) -> Path:
    """Evaluates the runs' best checkpoints, else their newest, and writes the page.

    Args:
        workdirs: one or several, which stand side by side.
        out: the file; None: `report.html` in the first work directory, which is on this machine then.
        split: `val` or `test`; None: the first of them that a run has.
        shown: pictures behind the cells of each confusion matrix, at most.

    Returns:
        the file's path.

    Raises:
        UserError: no work directory, Jinja2 is missing, or the file cannot be written.
    """
    check_installed()
    if out is None and is_stored(workdirs[0]):
        raise UserError(f"--out is missing: the page is written on this machine, not to {workdirs[0]}")
    folders = [local(workdir) for workdir in workdirs]
    path = output_file(out if out is not None else folders[0] / NAME, "--out")
    read = [run.read(folder) for folder in folders]
    runs = [run.gather(folder, *given, split, shown) for folder, given in zip(folders, read, strict=True)]
    for number, (one, name) in enumerate(zip(runs, _names(folders), strict=True)):
        one.update(number=number, name=name)
    page = render(runs, curves.panels([log for _, log in read]), recipe.differences([config for config, _ in read]))
    path.write_text(page, encoding="utf-8")
    return path


def check_installed() -> None:
    """Raises UserError where Jinja2 is missing."""
    if importlib.util.find_spec("jinja2") is None:
        raise UserError("reports need Jinja2: pip install 'jaxcls[tools]'")


def _names(folders: Sequence[Path]) -> list[str]:
    """The folders' own names, with as much of their paths as tells them apart."""
    names = [folder.name for folder in folders]
    for depth in range(2, max(len(folder.parts) for folder in folders) + 1):
        twice = {name for name, count in Counter(names).items() if count > 1}
        if not twice:
            break
        names = ["/".join(f.parts[-depth:]) if n in twice else n for f, n in zip(folders, names, strict=True)]
    return names


def render(runs: Sequence[dict[str, Any]], panels: Sequence[dict[str, Any]], differences: Sequence[Any]) -> str:
    """The page of what `gather`, `panels` and `differences` gave."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    pages = Environment(
        loader=PackageLoader("jaxcls.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script, style = (_text(name) for name in ("page.js", "page.css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    data = {
        "panels": panels,
        "runs": [
            {"name": one["name"], "classes": one.get("classes", []), "cells": one.get("cells", {})} for one in runs
        ],
    }
    return pages.get_template("page.html").render(
        runs=runs,
        panels=panels,
        differences=differences,
        compared=compared(runs),
        facts=_facts(runs),
        data=data,
        script=Markup(script),
        style=Markup(style),
        policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
        made=datetime.datetime.now().strftime("%Y-%m-%d %H:%M"),
    )


def _text(name: str) -> str:
    return resources.files("jaxcls.report").joinpath("page", name).read_text(encoding="utf-8")


def compared(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a number: its `name`, what it is (`note`), and each run's `text` and whether it is the `best`."""
    rows = []
    for name in dict.fromkeys(name for one in runs for name in one.get("measures", {})):
        measures = [one.get("measures", {}).get(name) for one in runs]
        values = [measure.value for measure in measures if measure and math.isfinite(measure.value)]
        first = next(measure for measure in measures if measure)
        best = {"greater": max, "less": min}.get(first.better or "", lambda _: None)(values) if values else None
        told_apart = len(set(values)) > 1
        cells = [
            {"text": measure.text if measure else "–", "best": bool(measure and told_apart and measure.value == best)}
            for measure in measures
        ]
        rows.append({"name": first.name, "note": first.note, "cells": cells})
    return rows


def _facts(runs: Sequence[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """A row a fact, with each run's."""
    names = dict.fromkeys(name for one in runs for name in one["facts"])
    return [(name, [one["facts"].get(name, "–") for one in runs]) for name in names]
