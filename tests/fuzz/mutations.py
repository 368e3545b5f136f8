"""What the fuzzing tests share. `JAXCLS_FUZZ_EXAMPLES` says how many examples each draws; without it they are quick."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from jaxcls.errors import UserError

_EXAMPLES = os.environ.get("JAXCLS_FUZZ_EXAMPLES")


def examples(quick: int) -> settings:
    """The settings of a test that draws so many examples where nobody asks for more."""
    return settings(
        max_examples=int(_EXAMPLES or quick), deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
    )


def attempt(function: Callable[[], Any], refusal: type[Exception] = UserError) -> tuple[Any, str]:
    """What a function gives, or None and the words with which it refuses; any other exception goes on."""
    try:
        return function(), ""
    except refusal as error:
        return None, str(error)


@st.composite
def damaged(draw: st.DrawFn, files: dict[str, bytes]) -> bytes:
    """One of the files with up to four pieces overwritten, cut out, doubled or put in, or cut off."""
    content = bytearray(files[draw(st.sampled_from(sorted(files)))])
    for _ in range(draw(st.integers(0, 4))):
        # most of a format's sense is in its head
        place = draw(st.one_of(st.integers(0, min(len(content), 200)), st.integers(0, len(content))))
        length = draw(st.integers(0, 24))
        piece = draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from(
                    [b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80" + b"\0" * 7]
                ),
            )
        )
        match draw(st.sampled_from(("overwrite", "cut", "double", "insert", "end"))):
            case "overwrite":
                content[place : place + len(piece)] = piece
            case "cut":
                del content[place : place + length]
            case "double":
                content[place:place] = content[place : place + length]
            case "insert":
                content[place:place] = piece
            case "end":
                del content[place:]
    return bytes(content)
