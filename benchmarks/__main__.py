"""`python -m benchmarks NAME [flags]`: the benchmark of that name in this folder, such as `gpu` or `models`."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAMES = ("convolutions", "data", "gpu", "inference", "models", "runner", "training")

if __name__ == "__main__":
    name, arguments = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if name not in NAMES:
        sys.exit(f"python -m benchmarks NAME: {name!r}; NAME is one of {', '.join(NAMES)}")
    sys.path[:0] = [str(FOLDER.parent), str(FOLDER)]
    sys.argv = [str(FOLDER / f"{name}.py"), *arguments]
    runpy.run_path(sys.argv[0], run_name="__main__")
