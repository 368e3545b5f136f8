"""What becomes of an original config: ours, and what there is to say about it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_log = logging.getLogger("jaxcls")


@dataclass
class Translation:
    """A config on its way.

    Attributes:
        config: ours, as far as it is done.
        said: how things come about.
        warnings: what a user may not expect.
        ignored: places of the original that have no effect here.
        problems: what cannot be.
    """

    config: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def without(self, node: dict[str, Any], keys: Iterable[str], where: str) -> dict[str, Any]:
        """The node without those of the keys that it has; they are noted as ignored."""
        keys = tuple(keys)
        self.ignored += [f"{where}.{key}" for key in keys if key in node]
        return {key: value for key, value in node.items() if key not in keys}

    def log(self, name: str) -> None:
        """Says all but the problems, of the file `name`."""
        ignored = dict.fromkeys(self.ignored)
        for text in [*self.said, *([f"of no effect here: {', '.join(ignored)}"] if ignored else [])]:
            _log.info("%s: %s", name, text)
        for text in self.warnings:
            _log.warning("%s: %s", name, text)
