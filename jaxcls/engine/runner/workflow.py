"""What a workflow asks for in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


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
    trained = 0
    while trained < length:
        for mode, place in ((mode, place) for mode, count in workflow for place in range(count)):
            if mode == "train":
                if trained == length:
                    continue
                trained += 1
            if trained > done or (mode == "val" and trained == done and not within):
                yield mode, place
