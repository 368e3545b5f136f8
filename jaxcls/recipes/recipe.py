"""A whole recipe of its parts, and the choice of one by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxcls.errors import UserError, close_names
from jaxcls.zoo.entry import linear_head

Build = Callable[[], ConfigDict]


def recipe(
    model: Mapping[str, Any],
    data: Mapping[str, Any],
    optimizer: Mapping[str, Any],
    lr_config: Mapping[str, Any],
    max_epochs: int,
    *,
    grad_clip: float | None = None,
    keep: int = 3,
    **others: Any,
) -> ConfigDict:
    """A config.

    Args:
        model: such as `zoo.model_config` gives.
        data: such as `folder` and `imagenet` give.
        optimizer: such as `sgd` gives.
        lr_config: such as `cosine` gives.
        max_epochs: how long.
        grad_clip: the largest norm of the gradient; None: any.
        keep: how many checkpoints stay; the best one stays too.
        **others: more keys of the config, in place of what is here.

    Raises:
        UserError: a part that is no dict.
    """
    for name, part in dict(model=model, data=data, optimizer=optimizer, lr_config=lr_config).items():
        if not isinstance(part, Mapping):
            hint = "; `folder` gives two things: data, classes = folder(…)" if name == "data" else ""
            raise UserError(f"recipe: {name}: expected a dict, got {type(part).__name__}{hint}")
    return ConfigDict(
        dict(
            model=model,
            data=data,
            optimizer=optimizer,
            optimizer_config=dict(grad_clip=None if grad_clip is None else dict(max_norm=grad_clip)),
            lr_config=lr_config,
            runner=dict(type="EpochBasedRunner", max_epochs=max_epochs),
            evaluation=dict(interval=1, metric="accuracy", save_best="accuracy_top-1"),
            checkpoint_config=dict(interval=1, max_keep_ckpts=keep),
            log_config=dict(interval=100, hooks=[dict(type="TextLoggerHook")]),
            seed=0,
        )
        | others
    )


def classifier(
    backbone: Mapping[str, Any],
    head: Mapping[str, Any] | int,
    num_classes: int = 10,
    neck: Mapping[str, Any] | str | None = "GlobalAveragePooling",
) -> dict[str, Any]:
    """A model that the zoo does not hold.

    Args:
        backbone: its config.
        head: its config, or the channels that a linear one gets.
        num_classes: of a linear head.
        neck: its config, or its name alone.
    """
    head = linear_head(head, num_classes) if isinstance(head, int) else head
    neck = dict(type=neck) if isinstance(neck, str) else neck
    return dict(type="ImageClassifier", backbone=backbone, neck=neck, head=head)


def variants(build: Callable[[str], ConfigDict], names: Iterable[str], form: str) -> dict[str, Build]:
    """`build` of several models of the zoo, by their names and by what fills the braces of `form`.

    `variants(build, ["tiny"], "swin_{}")` holds `build("swin_tiny")` as `tiny` and as `swin_tiny`; in the short form,
    `-` stands for `_`.
    """
    full = {name: form.format(name.replace("-", "_")) for name in names}
    return {key: partial(build, name) for short, name in full.items() for key in (short, name)}


def select(file: str, variant: str, recipes: Mapping[str, Build]) -> ConfigDict:
    """The recipe called `variant` of a config file.

    Raises:
        UserError: there is none, with the close names.
    """
    if variant not in recipes:
        raise UserError(f"configs/{Path(file).name}:{variant}: no such variant; {close_names(variant, recipes)}")
    return recipes[variant]()
