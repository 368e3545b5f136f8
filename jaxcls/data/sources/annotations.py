"""Annotation files: lines of a path and its label, or labels."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence

from jaxcls.data.sources.files import some
from jaxcls.data.sources.folders import Found
from jaxcls.data.sources.text import Problems, filled_lines, quoted
from jaxcls.errors import UserError
from jaxcls.paths import expand

_NUMBER = re.compile(r"[0-9]{1,18}")
_COLUMN_TOO_MUCH = re.compile(r"\.[A-Za-z]{3,4}\s+[-+.,0-9e]+$")  # no path ends like `a.png 0`
TOO_LARGE = "far beyond the number of different labels in the file: give the classes' names"
_log = logging.getLogger("jaxcls")


def read_annotations(ann_file: str, classes: tuple[str, ...] | None) -> Found:
    """The lines `path label`; the path may hold blanks. An image that is listed twice counts twice, with a warning.

    Raises:
        UserError: lines that do not parse, or labels beyond the classes; with the lines' numbers.
    """
    path, problems = str(expand(ann_file)), Problems()
    numbers, names, labels = list[int](), list[str](), list[int]()
    for number, line in filled_lines(path):
        name, label = _split(line)
        if name and _NUMBER.fullmatch(label):
            numbers.append(number)
            names.append(name)
            labels.append(int(label))
        else:
            problems.add(f"{path}:{number}", f"{quoted(line)}: expected 'path label', the label a whole number")
    problems.check()
    if not names:
        raise UserError(f"{path}: no annotations in it; expected lines 'path label'")
    count = len(classes) if classes else class_limit(labels, 10_000)
    reason = f"but there are {count} classes: 0..{count - 1}" if classes else TOO_LARGE
    for number, value in zip(numbers, labels, strict=True):
        if value >= count:
            problems.add(f"{path}:{number}", f"label {value}, {reason}")
    problems.check()
    _warn_of_repeated(path, names, labels)
    return Found(names, labels, classes or tuple(map(str, range(max(labels) + 1))))


def read_label_lists(ann_file: str) -> list[tuple[str, str, list[int]]]:
    """The lines `path label,label,...`, or `path -` without labels: (file and line, path, labels) of each.

    Raises:
        UserError: lines that do not parse, with their numbers.
    """
    path, problems, found = str(expand(ann_file)), Problems(), []
    for number, line in filled_lines(path):
        name, labels = _split(line)
        numbers = [] if labels == "-" else labels.split(",")
        if name and all(map(_NUMBER.fullmatch, numbers)):
            found.append((f"{path}:{number}", name, list(map(int, numbers))))
        else:
            expected = "expected 'path label,label,...', whole numbers, or 'path -'"
            problems.add(f"{path}:{number}", f"{quoted(line)}: {expected}")
    problems.check()
    return found


def class_limit(labels: Sequence[int], least: int) -> int:
    """How many classes labels without names may stand for, as memory grows with the largest.

    Args:
        labels: all that there are.
        least: as many are always allowed.
    """
    return max(least, 10 * len(set(labels)))


def _split(line: str) -> tuple[str, str]:
    """(path, last column); no path where there is another number of columns."""
    name, *rest = line.rsplit(None, 1)
    return (name, rest[0]) if rest and not _COLUMN_TOO_MUCH.search(name) else ("", "")


def _warn_of_repeated(path: str, names: Sequence[str], labels: Sequence[int]) -> None:
    if len(set(names)) == len(names):  # the rest takes longer
        return
    repeated = [name for name, count in Counter(names).items() if count > 1]
    labels_of = Counter(name for name, _ in set(zip(names, labels, strict=True)))
    differing = [name for name in repeated if labels_of[name] > 1]
    contradiction = f"; with different labels: {some(differing)}" if differing else ""
    _log.warning("%s: images listed more than once: %d (%s)%s", path, len(repeated), some(repeated), contradiction)
