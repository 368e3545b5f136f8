"""The one exception type for mistakes that a user can mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in what the user gave: a config, a file, a flag.

    Its message names what was given, what is allowed and where. The commands print it alone, without a traceback,
    and exit with a non-zero status.
    """


def close_names(name: str, allowed: Iterable[str]) -> str:
    """`did you mean …?` and the allowed names, for the end of an error message."""
    allowed = sorted(allowed)
    lowered = {candidate.lower(): candidate for candidate in allowed}
    close = [lowered[match] for match in difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.6)]
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    return f"{hint}Allowed: {', '.join(allowed)}"
