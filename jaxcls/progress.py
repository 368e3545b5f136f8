"""A progress bar on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Draws how many of `total` are done on standard error, where that is a terminal; gives `advance(count)`.

    What the block prints stands above the bar.
    """
    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
        redirect_stdout=sys.stdout.isatty(),  # what goes to a file stays there
    ) as bar:
        task = bar.add_task(text, total=total)
        yield lambda count: bar.advance(task, count)
