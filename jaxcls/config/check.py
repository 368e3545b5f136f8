"""What a node of a config may hold, as something that is called with the node and its place and gives what is wrong.

A schema is a `Schema`; those here are put together to a tree like the config's, in `jaxcls.config.schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from jaxcls.arguments import fits, in_words, is_own, problems, unknown_keys
from jaxcls.builder import lookup
from jaxcls.errors import UserError

# (node, its place) -> messages
Schema = Callable[[Any, str], Iterator[str]]


@dataclass(frozen=True)
class Value:
    """A plain value, as an annotation says."""

    hint: Any

    def __call__(self, node: Any, where: str) -> Iterator[str]:
        if not fits(node, self.hint):
            yield f"{where}: {node!r}; expected {in_words(self.hint)}"


@dataclass(frozen=True)
class Whole:
    """A whole number from `least`, perhaps to `most`."""

    least: int
    most: int | None = None

    def __call__(self, node: Any, where: str) -> Iterator[str]:
        if not fits(node, int) or node < self.least or (self.most is not None and node > self.most):
            to = "" if self.most is None else f" to {self.most}"
            yield f"{where}: {node!r}; expected a whole number from {self.least}{to}"


@dataclass(frozen=True)
class Optional:
    """None or what another schema allows."""

    schema: Schema

    def __call__(self, node: Any, where: str) -> Iterator[str]:
        if node is not None:
            yield from self.schema(node, where)


@dataclass(frozen=True)
class Each:
    """A list; with `or_one` an element alone, too."""

    schema: Schema
    or_one: bool = False

    def __call__(self, node: Any, where: str) -> Iterator[str]:
        if isinstance(node, list | tuple):
            for i, element in enumerate(node):
                yield from self.schema(element, f"{where}[{i}]")
        elif self.or_one:
            yield from self.schema(node, where)
        else:
            yield f"{where}: {node!r}; expected a list"


@dataclass(frozen=True)
class Keys:
    """A dict of certain keys.

    Attributes:
        parts: key -> what its value is.
        required: those that have to be there.
        originals: MMClassification's keys that are others here -> what they are.
    """

    parts: Mapping[str, Schema]
    required: Sequence[str] = ()
    originals: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, node: Any, where: str) -> Iterator[str]:
        if not isinstance(node, Mapping):
            yield f"{where}: {node!r}; expected a dict of {', '.join(self.parts)}"
            return
        yield from unknown_keys((key for key in node if key not in self.originals), self.parts, where)
        yield from (
            f"{where} has no key {key!r}, which is MMClassification's; here: {self.originals[key]}"
            for key in node
            if key in self.originals
        )
        if missing := [key for key in self.required if node.get(key) is None]:
            yield f"{where} lacks {', '.join(missing)}; required are {', '.join(self.required)}"
        given = {key: value for key, value in node.items() if key not in missing}
        yield from _of_parts(given, self.parts, where)


@dataclass(frozen=True)
class Checked:
    """What a function of the node alone raises; its messages may begin with the end of the node's place."""

    function: Callable[[Any], Any]

    def __call__(self, node: Any, where: str) -> Iterator[str]:
        try:
            self.function(node)
        except UserError as error:
            yield from (_placed(problem, where) for problem in error.problems)


@dataclass(frozen=True)
class Slot:
    """A dict with a `type`, whose other keys are that class's arguments.

    Args:
        package: whose `__all__` holds the names; `module:Name` is allowed besides.
        kind: what a class of the user's own derives from; `Callable`: its objects can be called.
        default: the type where none is given.
        given: arguments that the program gives.
        own: keys that the program reads itself, whatever the class.
        parts: arguments of jaxcls' own classes that are nodes in their turn.
    """

    package: ModuleType
    kind: Any = object
    default: str = ""
    given: Sequence[str] = ()
    own: Mapping[str, Schema] = field(default_factory=dict)
    parts: Mapping[str, Schema] = field(default_factory=dict)

    def __call__(self, node: Any, where: str) -> Iterator[str]:
        if not isinstance(node, Mapping) or ("type" not in node and not self.default):
            hint = f"; {where}.type changes the type alone" if isinstance(node, str) else ""
            yield f"{where}: {node!r}; expected a dict with a 'type'{hint}"
            return
        try:
            target = lookup(node.get("type", self.default), self.package, f"{where}.type")
            check_kind(target, self.kind, f"{where}.type")
        except UserError as error:
            yield from error.problems
            return
        arguments = {key: value for key, value in node.items() if key != "type" and key not in self.own}
        yield from problems(target, arguments, where, self.given, self.own)
        yield from _of_parts(node, self.own, where)
        yield from _of_parts(arguments, self.parts if is_own(target) else {}, where)


def check_kind(target: Any, kind: Any, where: str) -> None:
    """Refuses a class of the user's own that is of another kind; what a function makes is not known yet.

    Raises:
        UserError: it is of another.
    """
    if isinstance(target, type) and not is_own(target) and not issubclass(target, kind):
        wanted = "with __call__" if kind is Callable else f"derived from {kind.__module__}.{kind.__name__}"
        raise UserError(f"{where}: {target.__name__}; expected a class {wanted}")


def _placed(problem: str, where: str) -> str:
    """`norm_cfg: …` of `config.model.backbone.norm_cfg` -> `config.model.backbone.norm_cfg: …`."""
    steps = where.split(".")
    for i in range(len(steps)):
        if problem.startswith((f"{(end := '.'.join(steps[i:]))}:", f"{end}.", f"{end} ")):
            return f"{where}{problem.removeprefix(end)}"
    return f"{where}: {problem}"


def _of_parts(node: Mapping[str, Any], parts: Mapping[str, Schema], where: str) -> Iterator[str]:
    for key, schema in parts.items():
        if key in node:
            yield from schema(node[key], f"{where}.{key}")
