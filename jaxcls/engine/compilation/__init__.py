"""What a start waits for: XLA's compiler, its options, what it has compiled before, and a word about it."""

import jax

from jaxcls.engine.compilation.announced import announced
from jaxcls.engine.compilation.cache import use_cache
from jaxcls.engine.compilation.flags import set_flags

__all__ = ["announced", "forget", "prepare"]


def prepare(cache: bool | str = True) -> None:
    """What comes before the first program is compiled: XLA's options, and the cache (`use_cache`)."""
    set_flags()
    use_cache(cache)


def forget() -> None:
    """Lets go of all programs of this process, as a command does that trains again and again, after each training.

    `jax.pmap` holds every function that it was given, and its program, for good. A training leaves about a thousand
    pieces of mapped memory so; Linux allows 65,530 (vm.max_map_count), and one more ends the process by SIGSEGV.
    """
    jax.clear_caches()
