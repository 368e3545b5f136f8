"""Prints a config with its defaults, as training would take it.

    python -m jaxcls.tools.print_config --config=configs/resnet.py:cifar10 --config.optimizer.lr=0.05 > config.json

All that is wrong with it is said at once. What is printed is JSON, which `--config` takes, too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from jaxcls.builder import as_json
from jaxcls.config import complete
from jaxcls.tools.command_line import CommandLine, start


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "print_config")
    line.add_config()
    print(json.dumps(as_json(complete(line.options(arguments)["config"])), indent=2))


if __name__ == "__main__":
    start(main)
