"""What a start waits for: XLA's compiler, its options, what it has compiled before, and a word about it."""

from jaxcls.engine.compilation.announced import announced
from jaxcls.engine.compilation.cache import use_cache
from jaxcls.engine.compilation.flags import set_flags

__all__ = ["announced", "prepare"]


def prepare(cache: bool | str = True) -> None:
    """What comes before the first program is compiled: XLA's options, and the cache (`use_cache`)."""
    set_flags()
    use_cache(cache)
