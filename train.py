"""Trains a classifier.

python train.py --config=configs/resnet.py
python train.py --config=configs/resnet.py:cifar10 --workdir=DIR --config.optimizer.lr=0.05
"""

from __future__ import annotations

from pathlib import Path

from absl import flags
from ml_collections import config_flags

import jaxcls
from jaxcls import command
from jaxcls.engine import processes

_CONFIG = config_flags.DEFINE_config_file("config", None, "The recipe: FILE or FILE:ARGUMENT.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Logs and checkpoints; default: work_dirs/<the config's name>.")
_RESUME = flags.DEFINE_bool("resume", False, "Continue from the newest readable checkpoint in the work directory.")
_LOAD_FROM = flags.DEFINE_string("load_from", None, "A checkpoint or work directory to take weights from.")
_SEED = flags.DEFINE_integer("seed", None, "Seed of all randomness; default: the config's.")
_VALIDATE = flags.DEFINE_bool("validate", True, "Evaluate on data.val while training.")
_MULTIHOST = flags.DEFINE_bool("multihost", False, "One of several processes: call jax.distributed.initialize.")
_COORDINATOR = flags.DEFINE_string("coordinator", None, "HOST:PORT of process 0; default: Slurm, TPU pod, … tell.")
_PROCESSES = flags.DEFINE_integer("num_processes", None, "How many processes there are, with --coordinator.")
_PROCESS = flags.DEFINE_integer("process_id", None, "Which of them this is, from 0, with --coordinator.")


def main(_: list[str]) -> None:
    """Flags to config to one call."""
    if _MULTIHOST.value:
        processes.initialize(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
    config = _CONFIG.value
    with config.unlocked():
        if _SEED.value is not None:
            config.seed = _SEED.value
        if _LOAD_FROM.value is not None:
            config.load_from = _LOAD_FROM.value
    stem = Path(config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")[0]).stem
    workdir = _WORKDIR.value or Path("work_dirs") / stem
    jaxcls.train_model(config, workdir, validate=_VALIDATE.value, resume=_RESUME.value)


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    command.run(main)
