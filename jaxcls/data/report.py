"""What is in a dataset, in words, to be read before hours are spent on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxcls.data.sources.labels import images_of_each

UNEQUAL = 10  # largest class to smallest, from where on it is worth a warning


def class_report(classes: Sequence[str], labels: np.ndarray, limit: int = 20) -> str:
    """The classes' names and how many images each has, with a warning where these are no data to learn classes from.

    It is of images that are all labelled alike, of empty classes, or of very unequal ones.

    Args:
        classes: K names.
        labels: int (n,), or (n, K), of which 1 counts.
        limit: how many classes to list.
    """
    counts = images_of_each(labels, len(classes))
    names = [f"{name}: {count:,}" for name, count in zip(classes, counts.tolist(), strict=True)]
    more = [f"and {len(names) - limit} more classes"] if len(names) > limit else []
    lines = [f"{len(labels):,} images of {len(classes)} classes", ", ".join(names[:limit] + more)]
    empty = [name for name, count in zip(classes, counts, strict=True) if count == 0]
    if (labels == labels[:1]).all():
        lines.append("WARNING: all images have the same label: there is nothing to tell apart")
    if empty:
        rest = f" and {len(empty) - limit} more" if len(empty) > limit else ""
        lines.append(f"WARNING: no images of {', '.join(empty[:limit])}{rest}")
    if (ratio := counts.max() / max(counts[counts > 0].min(initial=counts.max()), 1)) > UNEQUAL:
        least = int(np.where(counts > 0, counts, counts.max()).argmin())
        most = int(counts.argmax())
        lines.append(
            f"WARNING: very unequal classes: {classes[most]} has {ratio:.0f} times as many images as {classes[least]}; "
            "see ClassBalancedDataset and the losses' class_weight"
        )
    return "\n".join(lines)
