"""The hooks of a run, in the order in which they are called."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from typing import Any

from jaxcls.engine.hooks.hook import STAGES, Hook, priority_name, priority_value
from jaxcls.errors import UserError


class HookList(list[Hook]):
    """Hooks by their priorities, those of the same one as they came."""

    def add(self, hook: Hook, priority: int | str | None = None) -> None:
        """Adds a hook behind those of the same priority; None: its class's own.

        Raises:
            UserError: no hook, or no such priority.
        """
        if not isinstance(hook, Hook):
            raise UserError(f"{hook!r}; expected an object of a class derived from {Hook.__module__}.Hook")
        hook.priority = priority_value(type(hook).priority if priority is None else priority)
        bisect.insort_right(self, hook, key=lambda added: added.priority)

    def table(self) -> str:
        """Which hooks act at which stage, in their order."""
        lines = []
        for stage in STAGES:
            acting = [hook for hook in self if stage in hook.stages()]
            if acting:
                lines.append(f"{stage}:")
                lines += [f"({priority_name(hook.priority):<12}) {type(hook).__name__:<35}" for hook in acting]
                lines.append(" -------------------- ")
        return "\n".join(lines)

    def state(self) -> dict[str, Any]:
        """What a continued run needs of each hook that needs something, by name."""
        return {name: state for name, hook in self._named() if (state := hook.state())}

    def restore(self, states: Mapping[str, Any]) -> None:
        """Takes up what `state` gave."""
        for name, hook in self._named():
            if name in states:
                hook.restore(states[name])

    def _named(self) -> Iterator[tuple[str, Hook]]:
        """The hooks under names that are unique: their type, and a number from the second of a type on."""
        seen: dict[str, int] = {}
        for hook in self:
            name = type(hook).__name__
            seen[name] = seen.get(name, 0) + 1
            yield (name if seen[name] == 1 else f"{name}-{seen[name]}"), hook
