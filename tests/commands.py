"""The commands in processes of their own, forked from one that has loaded the package: a start costs half as much."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["jaxcls.api", "jaxcls.engine.hooks", "jaxcls.models.backbones"])


def run(*command: Any, folder: Path = ROOT) -> CompletedProcess[str]:
    """What `python *command` in the folder gives on one device, as `subprocess.run` does."""
    arguments = [str(part) for part in command]
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=1"  # the last one counts
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": flags}
    with tempfile.TemporaryDirectory() as outputs:
        files = [Path(outputs) / name for name in ("stdout", "stderr")]
        process = _FORKS.Process(target=_run, args=(arguments, folder, environment, files))
        process.start()
        process.join(300)
        if process.exitcode is None:
            process.kill()
        return CompletedProcess(arguments, process.exitcode, *(file.read_text() for file in files))


def _run(arguments: list[str], folder: Path, environment: dict[str, str], files: list[Path]) -> None:
    for number, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.environ.update(environment)
    os.chdir(folder)
    script = (ROOT / arguments[0]).resolve()
    sys.argv, sys.path[0] = arguments, str(script.parent)
    runpy.run_path(str(script), run_name="__main__")
