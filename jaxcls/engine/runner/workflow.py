"""What a workflow asks for in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def _sequence(workflow: Sequence[tuple[str, int]], length: int) -> Iterator[tuple[str, int, int]]:
    """All parts: the mode, the place in its part of the workflow, and how many training parts there were with it."""
    trained = 0
    while trained < length:
        for mode, place in ((mode, place) for mode, count in workflow for place in range(count)):
            if mode == "train":
                if trained == length:
                    continue
                trained += 1
            yield mode, place, trained


def parts(workflow: Sequence[tuple[str, int]], done: int, length: int, within: bool) -> Iterator[tuple[str, int]]:
    """The modes that are still to run, each with its place in its part of the workflow.

    The workflow repeats as long as fewer than `length` training parts have run; the last time through it, only its
    validation goes on beyond that.

    Args:
        workflow: (mode, how often).
        done: training parts that an earlier run has completed.
        length: training parts in all.
        within: whether the earlier run had begun the next one.
    """
    for mode, place, trained in _sequence(workflow, length):
        if trained > done or (mode == "val" and trained == done and not within):
            yield mode, place


def validated(workflow: Sequence[tuple[str, int]], done: int) -> int:
    """How many parts of validation come before the last of `done` training parts, and so are not still to run."""
    return sum(mode == "val" and trained < done for mode, _, trained in _sequence(workflow, done))
