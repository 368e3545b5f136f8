"""Pickles read without Python's pickle module: plain containers, numbers, texts, and what a table allows.

A pickle is a program for a stack machine, and Python's own machine calls whatever the program names. This one knows no
names but those in the table, calls nothing else and imports nothing. It reads the binary opcodes of protocols 2 to 5.
"""

from __future__ import annotations

import os
import pickletools
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from jaxcls.errors import UserError

_OPCODES = 400_000  # of one pickle: some 12,000 tensors
_SCALARS = (str, bytes, bool, int, float, type(None))

_CONSTANTS: dict[bytes, Any] = {b"N": None, b"\x88": True, b"\x89": False}
_EMPTY: dict[bytes, Callable[[], Any]] = {b"}": dict, b"]": list, b")": tuple, b"\x8f": set}
_NUMBERS = {b"J": "<i", b"K": "<B", b"M": "<H", b"G": ">d"}
_TEXTS = {b"X": "<I", b"\x8c": "<B", b"\x8d": "<Q", b"U": "<B", b"T": "<I"}  # the last two are Python 2's
_BYTES = {b"B": "<I", b"C": "<B", b"\x8e": "<Q", b"\x96": "<Q"}
_LONGS = {b"\x8a": "<B", b"\x8b": "<I"}
_PUTS, _GETS = {b"q": "<B", b"r": "<I"}, {b"h": "<B", b"j": "<I"}
_TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}
_MARK = object()


@dataclass(frozen=True)
class Global:
    """A name in a pickle and what it stands for; only a function can be called."""

    name: str
    value: Any


class Unpickler:
    """Reads one pickle from a file, which then stands behind it.

    Args:
        file: what to read.
        allowed: `module.name` -> a function of plain values, or a value.
        persistent: what a persistent id stands for; None: there are none.
    """

    def __init__(
        self, file: BinaryIO, allowed: Mapping[str, Any], persistent: Callable[[Any], Any] | None = None
    ) -> None:
        self._file, self._allowed, self._persistent = file, allowed, persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        start = file.tell()
        self._size = file.seek(0, os.SEEK_END)
        file.seek(start)

    def load(self) -> Any:
        """What the pickle holds.

        Raises:
            UserError: a global that is not allowed, or a pickle that is damaged or out of proportion.
        """
        actions = self._actions()
        try:
            for _ in range(_OPCODES):
                code = self._file.read(1)
                if code == b".":
                    return self._stack.pop()
                action = actions.get(code)
                if action is None:
                    raise UserError(self._refusal(code))
                action()
        except UserError:
            raise
        except (IndexError, KeyError, TypeError, ValueError, AttributeError, struct.error, OverflowError) as error:
            raise UserError(f"its pickle is damaged ({type(error).__name__}: {str(error)[:80]})") from error
        raise UserError(f"its pickle has more than {_OPCODES} instructions")

    def _refusal(self, code: bytes) -> str:
        if not code:
            return "its pickle is cut off"
        known = {info.code.encode("latin-1"): info.name for info in pickletools.opcodes}
        return f"its pickle has the instruction {known.get(code, code)!r}, which no checkpoint of weights needs"

    def _actions(self) -> dict[bytes, Callable[[], Any]]:
        push, stack = self._stack.append, self._stack
        given: dict[bytes, Callable[[], Any]] = {
            **{code: partial(push, value) for code, value in _CONSTANTS.items()},
            **{code: partial(self._put, form) for code, form in _PUTS.items()},
            **{code: partial(self._tuple, count) for code, count in _TUPLES.items()},
            b"(": partial(push, _MARK),
            b"\x80": self._protocol,
            b"\x95": partial(self._take, 8),  # a frame's length
            b"\x94": self._memoize,
            b"0": stack.pop,
            b"1": self._marked,
            b"a": lambda: self._extend([stack.pop()]),
            b"e": lambda: self._extend(self._marked()),
            b"\x90": lambda: self._add(self._marked()),
            b"s": lambda: self._update([stack.pop(-2), stack.pop()]),
            b"u": lambda: self._update(self._marked()),
            b"i": self._instance,
            b"b": self._build,
        }
        made: dict[bytes, Callable[[], Any]] = {
            **_EMPTY,
            **{code: partial(self._number, form) for code, form in _NUMBERS.items()},
            **{code: partial(self._text, form) for code, form in _TEXTS.items()},
            **{code: partial(self._sized, form) for code, form in _BYTES.items()},
            **{code: partial(self._long, form) for code, form in _LONGS.items()},
            **{code: partial(self._recall, form) for code, form in _GETS.items()},
            b"t": lambda: tuple(self._marked()),
            b"l": self._marked,
            b"d": lambda: mapping(_pairs(self._marked())),
            b"\x91": lambda: frozenset(scalars(self._marked())),
            b"c": lambda: self._global(self._line(), self._line()),
            b"\x93": lambda: self._global(stack.pop(-2), stack.pop()),
            b"R": self._reduce,
            b"\x81": self._reduce,
            b"Q": self._persist,
        }
        return {**given, **{code: self._pushing(make) for code, make in made.items()}}

    def _pushing(self, make: Callable[[], Any]) -> Callable[[], None]:
        return lambda: self._stack.append(make())

    def _take(self, count: int) -> bytes:
        taken = self._file.read(count)
        if len(taken) != count:
            raise UserError("its pickle is cut off")
        return taken

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _sized(self, form: str) -> bytes:
        count = self._number(form)
        if count > self._size:  # before memory is taken for it
            raise UserError(f"its pickle has a text of {count} bytes, more than the file")
        return self._take(count)

    def _text(self, form: str) -> str:
        return self._sized(form).decode("utf-8")

    def _long(self, form: str) -> int:
        return int.from_bytes(self._sized(form), "little", signed=True)

    def _line(self) -> str:
        line = self._file.readline(1000)
        if not line.endswith(b"\n"):
            raise UserError("its pickle is cut off")
        return line[:-1].decode("utf-8")

    def _protocol(self) -> None:
        if (number := self._number("<B")) > 5:
            raise UserError(f"its pickle is of protocol {number}; expected 2 to 5")

    def _put(self, form: str) -> None:
        self._memo[self._number(form)] = self._stack[-1]

    def _memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _recall(self, form: str) -> Any:
        return self._memo[self._number(form)]

    def _tuple(self, count: int) -> None:
        self._stack[-count:] = [tuple(self._stack[-count:])]

    def _marked(self) -> list[Any]:
        """Takes what lies above the mark."""
        stack = self._stack
        place = len(stack) - 1
        while stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise UserError("its pickle is damaged: there is no mark")
        values = stack[place + 1 :]
        del stack[place:]
        return values

    def _extend(self, values: list[Any]) -> None:
        self._expect(list).extend(values)

    def _add(self, values: list[Any]) -> None:
        self._expect(set).update(scalars(values))

    def _update(self, values: list[Any]) -> None:
        _insert(self._expect(dict), _pairs(values))

    def _expect(self, kind: type) -> Any:
        top = self._stack[-1]
        if type(top) is not kind:
            raise UserError(f"its pickle fills a {type(top).__name__} as if it were a {kind.__name__}")
        return top

    def _global(self, module: Any, name: Any) -> Global:
        full = f"{module}.{name}"
        if full not in self._allowed:
            raise UserError(
                f"its pickle asks for {full[:100]!r}, which is not read: it could run any code. "
                "Only arrays and plain containers are; keep the weights alone in the file"
            )
        return Global(full, self._allowed[full])

    def _instance(self) -> None:
        self._global(self._line(), self._line())  # names what it refuses
        raise UserError(self._refusal(b"i"))

    def _reduce(self) -> Any:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, Global) or not callable(function.value) or type(arguments) is not tuple:
            name = function.name if isinstance(function, Global) else type(function).__name__
            raise UserError(f"its pickle calls {name!r}, which is not called here")
        return function.value(*arguments)

    def _build(self) -> None:
        """Sets an object's state: an array's values; the attributes of containers and tensors are passed over."""
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, np.ndarray):
            _set_values(target, state)
        elif isinstance(target, np.dtype):
            if type(state) is not tuple or state[1] not in ("<", "|", "="):
                raise UserError("its pickle has an array that is not little endian")
        elif isinstance(target, Global):
            raise UserError(f"its pickle sets the state of {target.name!r}")

    def _persist(self) -> Any:
        if self._persistent is None:
            raise UserError("its pickle has a persistent id")
        return self._persistent(self._stack.pop())


def _pairs(values: list[Any]) -> Iterable[tuple[Any, Any]]:
    return zip(values[::2], values[1::2], strict=True)


def _insert(target: dict[Any, Any], pairs: Iterable[Any]) -> dict[Any, Any]:
    for key, value in pairs:
        if not isinstance(key, _SCALARS):  # hashing what is nested can take for ever
            raise UserError(f"its pickle has a key of type {type(key).__name__}")
        if key in target:
            raise UserError(f"its pickle has the key {str(key)[:100]!r} twice")
        target[key] = value
    return target


def mapping(pairs: Iterable[Any] = ()) -> dict[Any, Any]:
    """A dict of (key, value) pairs, no key twice."""
    return _insert({}, pairs.items() if isinstance(pairs, Mapping) else pairs)


def scalars(values: Iterable[Any] = ()) -> set[Any]:
    """A set of numbers and texts."""
    values = list(values)
    if not all(isinstance(value, _SCALARS) for value in values):
        raise UserError("its pickle has a set of more than numbers and texts")
    return set(values)


def _set_values(array: np.ndarray, state: Any) -> None:
    _, shape, dtype, _, values = state
    if type(values) is not bytes or len(values) != dtype.itemsize * int(np.prod(shape, dtype=object)):
        raise UserError("its pickle has an array whose values do not fill its shape")
    array.__setstate__(state)
