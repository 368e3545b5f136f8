"""What is said about an image that is not readable."""

from __future__ import annotations

from jaxcls.errors import UserError


class DamagedImageError(UserError):
    """An image that is missing, or cannot be decoded."""


def damaged(data: bytes, name: str, reason: object) -> DamagedImageError:
    """The error for the image `data` that is called `name`."""
    return DamagedImageError(f"{name}: not a readable image, or a damaged one ({len(data)} bytes): {reason}")


def would_be_black(data: bytes, name: str, largest: int) -> DamagedImageError:
    """The error for a 16-bit image of which 8 bits would show nothing."""
    return damaged(data, name, f"16-bit samples up to {largest} of 65535 would come out black; save it with 8 bits")
