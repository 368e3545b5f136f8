"""XLA's options that only an environment variable sets, before the first device is used."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import jax
import jaxlib

from jaxcls import cpu

# A leading minus takes one kind out of the default set. YNNPACK's convolutions make weight gradients three times slower
# than XLA's own (two cores, 64 channels, 32 x 32: 156 against 52 ms).
YNN_FUSION = "xla_cpu_experimental_ynn_fusion_type"
FLAGS = {YNN_FUSION: "-LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION"}


def set_flags() -> tuple[str, ...]:
    """Adds to `XLA_FLAGS` what makes programs quicker on a CPU, where that is what will run them.

    Nothing changes where devices are in use already, where there may be an accelerator, or where the user has set the
    same option. An option that this jaxlib does not know, which would end the process, is left out.

    Returns:
        what was added.
    """
    given = os.environ.get("XLA_FLAGS", "")
    if jax._src.xla_bridge.backends_are_initialized() or not cpu.is_alone(jax.config.values["jax_platforms"]):
        return ()
    added = tuple(f"--{name}={value}" for name, value in FLAGS.items() if name not in given and is_known(name, value))
    os.environ["XLA_FLAGS"] = " ".join((*given.split(), *added))
    return added


def is_known(name: str, value: str = "") -> bool:
    """Whether this jaxlib knows an option of XLA, and the word of its value.

    The library holds the option's name as a string of C, and the word in protobuf's description of the enumeration,
    where its number follows. Names that once were options stand there, too, as reserved ones: alone they say nothing.
    """
    library = Path(jaxlib.__file__).with_name("libjax_common.so")
    if not library.is_file():
        return False
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        word = value.lstrip("+-").encode()
        return text.find(b"\0%b\0" % name.encode()) >= 0 and (not word or text.find(word + b"\x10") >= 0)
