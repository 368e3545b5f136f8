"""The one exception type for mistakes that a user can mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class UserError(ValueError):
    """A mistake in what the user gave: a config, a file, a flag.

    Its message names what was given, what is allowed and where. The commands print it alone, without a traceback,
    and exit with a non-zero status.

    Attributes:
        problems: one message or several, where all of them are known at once.
    """

    def __init__(self, message: object, problems: Sequence[str] = ()) -> None:
        # A file's name need not be UTF-8, but what is printed must.
        super().__init__(str(message).encode("utf-8", "backslashreplace").decode())
        self.problems = tuple(problems) or (str(self),)


class ImageSizeError(UserError):
    """An image, or a feature map on its way through a network, has fewer pixels than a layer needs."""


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """`did you mean 'a' or 'b'? `, empty where no allowed name is close or begins so."""
    allowed, name = sorted(allowed), name.lower()
    matches = difflib.get_close_matches(name, {candidate.lower() for candidate in allowed}, n=3, cutoff=0.6)
    close = [candidate for match in matches for candidate in allowed if candidate.lower() == match]
    if name and not close:
        close = [candidate for candidate in allowed if candidate.lower().startswith(name)][:3]
    return f"did you mean {' or '.join(map(repr, close))}? " if close else ""


def close_names(name: str, allowed: Iterable[str]) -> str:
    """`did you mean …?` and the allowed names, for the end of an error message."""
    allowed = sorted(allowed)
    return f"{did_you_mean(name, allowed)}Allowed: {', '.join(allowed)}"


def refuse(problems: Iterable[str]) -> None:
    """Raises one UserError with all the problems, a line each; nothing where there are none."""
    problems = list(dict.fromkeys(problems))
    if len(problems) == 1:
        raise UserError(problems[0])
    if problems:
        raise UserError("\n  ".join((f"{len(problems)} problems", *problems)), problems)
