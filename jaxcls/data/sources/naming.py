"""Classes by their names: which of a source's own are wanted, and where they stand among another source's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxcls.data.sources.files import some
from jaxcls.errors import UserError

Names = tuple[str, ...]


class Chosen(NamedTuple):
    """Some of a source's own classes, in an order.

    Attributes:
        classes: their names.
        places: for each of the source's own classes the place among `classes`; -1 where it is left out.
    """

    classes: Names
    places: np.ndarray


def chosen(own: Sequence[str], given: Sequence[str] | None, where: str, what: str = "classes") -> Chosen:
    """The classes that the user names, all or some of a source's own, in the order given.

    Args:
        own: the source's.
        given: the user's; None: all.
        where: what has the source's classes, for the message.
        what: they are.

    Raises:
        UserError: a name that is not there, or is given twice.
    """
    if given is None:
        return Chosen(tuple(own), np.arange(len(own), dtype=np.int32))
    if twice := [name for name, count in Counter(given).items() if count > 1]:
        raise UserError(f"{where}: classes: {some(twice)} more than once")
    place, known = {name: i for i, name in enumerate(given)}, set(own)
    if unknown := [name for name in given if name not in known]:
        raise UserError(
            f"{where}: {len(own)} {what} ({some(own)}), but {len(given)} classes are given ({some(given)}): "
            f"there is no {some(unknown)}; expected the same names, all or some of them, in any order"
        )
    return Chosen(tuple(given), np.array([place.get(name, -1) for name in own], np.int32))


def is_numbered(classes: Sequence[str]) -> bool:
    """Whether the names are only the labels' numbers, as those of an annotation file without names."""
    return all(name == str(i) for i, name in enumerate(classes))


def places_by_name(own: Sequence[str], theirs: Sequence[str], where: str, reference: str) -> np.ndarray:
    """Where each of a source's own classes stands among those of another, the reference: int32 (len(own),).

    Names decide. Where only one side has names and the other only numbers, the numbers do.

    Args:
        own: the source's classes.
        theirs: the reference's.
        where: what to call the source in the message.
        reference: what to call the reference.

    Raises:
        UserError: `own` has a class that `theirs` lacks.
    """
    if tuple(own) == tuple(theirs) or _only_one_has_names(own, theirs):
        return np.arange(len(own), dtype=np.int32)
    place = {name: i for i, name in enumerate(theirs)}
    unknown = [name for name in own if name not in place]
    if unknown or len(set(own)) < len(own) or len(place) < len(theirs):
        reason = f"{reference} has no {some(unknown)}" if unknown else "a name that is there twice fits no label"
        raise UserError(
            f"{where} has other classes than {reference}: {some(own)} against {some(theirs)}; {reason}; "
            "expected the same names, all or some of them, in any order"
        )
    return np.array([place[name] for name in own], np.int32)


def _only_one_has_names(own: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether one side's labels are numbers that can stand for the other's classes."""
    names = [names for names in (own, theirs) if not is_numbered(names)]
    return len(own) <= len(theirs) and len(names) == 1 and not any(name.isdecimal() for name in names[0])
