"""How deep in a backbone a parameter lies: the order in which layer-wise rates decay.

    depth 0         what precedes the blocks: patch embedding, class token, positions, stem
    1, 2, …         the blocks; those of a convolutional network by stages
    the last        what follows them: the final norm, neck and head

Where layers lie, each backbone says in its `layout`.
"""

from __future__ import annotations

from collections.abc import Iterable

from jaxcls.errors import UserError
from jaxcls.models import backbones
from jaxcls.models.backbones.layout import LAST, REST, Layout, Place


def layer_depths(names: Iterable[str], layout: Layout | None = None) -> dict[str, int]:
    """The depth of each parameter, from 0; those of a head are deepest.

    Args:
        names: the parameters' names in the original's checkpoint, all of a classifier's.
        layout: the backbone's; None: the first of all backbones' that places every name.

    Raises:
        UserError: no layout places one of the backbone's names.
    """
    names = list(names)
    inner = [name.removeprefix("backbone.") for name in names if name.startswith("backbone.")]
    layout = layout or _layout_for(inner)
    places = {
        name: _place(name.removeprefix("backbone."), layout) if name.startswith("backbone.") else REST for name in names
    }
    order = sorted({place for place in places.values() if place.block != LAST})
    return {name: sum(other <= place for other in order) - 1 for name, place in places.items()}


def _place(name: str, layout: Layout) -> Place:
    place = layout.depth_of(name)
    if place is None:
        raise UserError(f"layer_decay_rate: the backbone's layout does not say how deep 'backbone.{name}' is")
    return place


def _layout_for(names: list[str]) -> Layout:
    """The layout that places all names; of several the one with no kind of layer besides, which tells blocks apart."""
    known = {getattr(backbones, name).layout: name for name in backbones.__all__ if getattr(backbones, name).layout}
    fitting = [layout for layout in known if all(layout.depth_of(name) is not None for name in names)]
    if fitting:
        return min(fitting, key=lambda one: (one.unused(names), -sum("{block}" in block for block in one.blocks)))
    raise UserError(
        f"layer_decay_rate: no backbone's layout says how deep 'backbone.{_first_without_a_place(names, known)}' is; "
        f"there are layouts for {', '.join(sorted(known.values()))}"
    )


def _first_without_a_place(names: list[str], layouts: Iterable[Layout]) -> str:
    """The first name that the layout that places most of them does not."""
    missing = [[name for name in names if layout.depth_of(name) is None] for layout in layouts]
    return min(missing, key=len)[0]
