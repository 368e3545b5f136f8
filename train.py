"""Trains a classifier.

    python train.py --config=configs/resnet.py
    python train.py --config=configs/resnet.py:cifar10 --workdir=DIR --config.optimizer.lr=0.05
    python train.py --config=configs/resnet.py:cifar10 --workdir=DIR --resume

An installed jaxcls has it as `jaxcls train`, and takes recipes by their names: `--config=resnet:cifar10`.
The work directory gets the logs, the config and the checkpoints; evaluate.py needs no more than it.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

import jaxcls
from jaxcls import command

command.define_config("The recipe")
_WORKDIR = flags.DEFINE_string("workdir", None, "Logs and checkpoints; default: the config's, or work_dirs/<its name>.")
_RESUME = flags.DEFINE_bool("resume", False, "Continue from the newest readable checkpoint in the work directory.")
_LOAD_FROM = flags.DEFINE_string("load_from", None, "A checkpoint or work directory to take weights from.")
_SEED = flags.DEFINE_integer("seed", None, "Seed of all randomness; default: the config's.")
_VALIDATE = flags.DEFINE_bool("validate", True, "Evaluate on data.val while training.")
_MULTIHOST = flags.DEFINE_bool("multihost", False, "One of several processes: call jax.distributed.initialize.")
_COORDINATOR = flags.DEFINE_string("coordinator", None, "HOST:PORT of process 0; default: Slurm, TPU pod, … tell.")
_PROCESSES = flags.DEFINE_integer("num_processes", None, "How many processes there are, with --coordinator.")
_PROCESS = flags.DEFINE_integer("process_id", None, "Which of them this is, from 0, with --coordinator.")


def main() -> None:
    """Flags to config to one call."""
    if _MULTIHOST.value:
        from jaxcls.engine import processes

        processes.initialize(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
    config = command.given_config()
    if _SEED.value is not None:
        config["seed"] = _SEED.value
    if _LOAD_FROM.value is not None:
        config["load_from"] = _LOAD_FROM.value
    default = config.get("work_dir") or Path("work_dirs") / Path(flags.FLAGS.config.partition(":")[0]).stem
    jaxcls.train_model(config, _WORKDIR.value or default, validate=_VALIDATE.value, resume=_RESUME.value)


if __name__ == "__main__":
    command.run(main)
