"""Lists the models of the zoo as a table, the one of docs/models.md.

    python -m jaxcls.tools.list_models
    python -m jaxcls.tools.list_models "resnet*" --pretrained

What is published was measured by others.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxcls import zoo
from jaxcls.errors import UserError, close_names
from jaxcls.tools.command_line import CommandLine, start

_COLUMNS = ("model", "backbone", "pixels", "classes", "top-1", "top-5", "published by", "weights")


def table(names: Sequence[str]) -> str:
    """Markdown, a row a model."""
    head, *rows = (f"| {' | '.join(row)} |" for row in (_COLUMNS, *map(_row, names)))
    return "\n".join([head, "|---|---|--:|--:|--:|--:|---|---|", *rows])


def _row(name: str) -> tuple[str, ...]:
    entry, published = zoo.find(name), zoo.published(name)
    top1, top5 = (published.top1, published.top5) if published else (None, None)
    return (
        f"`{name}`",
        entry.backbone["type"],
        str(entry.preprocessing.size),
        str(entry.num_classes),
        *("" if number is None else f"{number:.2f}" for number in (top1, top5)),
        published.source if published else "",
        "yes" if any(row.url for row in entry.published) else "",
    )


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "list_models")
    line.add_argument("pattern", nargs="?", default="*", help="of names, with * and ?")
    line.add_argument("--pretrained", action="store_true", help="those with weights to fetch alone")
    options = line.options(arguments)
    names = zoo.list_models(options["pattern"], options["pretrained"] or None)
    if not names:
        raise UserError(f"{options['pattern']!r} fits no model; {close_names(options['pattern'], zoo.list_models())}")
    print(table(names))


if __name__ == "__main__":
    start(main)
