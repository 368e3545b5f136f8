"""`python -m benchmarks NAME [flags]`: the benchmark of that name in this folder, such as `gpu` or `models`.

Without a name `results`, which runs those of a CPU and writes benchmarks/RESULTS.md.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from jaxcls import cpu

FOLDER = Path(__file__).resolve().parent
NAMES = (
    "compiling",
    "convolutions",
    "data",
    "gpu",
    "inference",
    "models",
    "processes",
    "products",
    "results",
    "runner",
    "training",
)

if __name__ == "__main__":
    named = len(sys.argv) > 1 and not sys.argv[1].startswith("-")
    name, *arguments = sys.argv[1:] if named else ["results", *sys.argv[1:]]
    if name not in NAMES:
        sys.exit(f"python -m benchmarks NAME: {name!r}; NAME is one of {', '.join(NAMES)}")
    sys.path[:0] = [str(FOLDER.parent), str(FOLDER)]
    cpu.restart_with_large_pages()  # as the commands do
    sys.argv = [str(FOLDER / f"{name}.py"), *arguments]
    runpy.run_path(sys.argv[0], run_name="__main__")
