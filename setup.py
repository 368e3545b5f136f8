"""Puts the recipes and the two commands into the wheel (jaxcls/shipped.py); pyproject.toml says all else."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildShipped(build_py):
    """The package, with what lies beside it in the checkout."""

    def run(self):
        """Called by the build."""
        super().run()
        if self.editable_mode:
            return
        folder = Path(self.build_lib, "jaxcls")
        (folder / "configs").mkdir(parents=True, exist_ok=True)
        for file in ("train.py", "evaluate.py", *map(str, Path("configs").glob("*.py"))):
            shutil.copyfile(file, folder / file)


setup(cmdclass={"build_py": BuildShipped})
