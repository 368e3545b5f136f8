"""A long run goes on as it began: nothing is compiled again, and the host's memory does not grow."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import jax
import pytest

import jaxcls
from jaxcls.engine.log import get_logger
from tests.engine import tiny


class Noted(logging.Handler):
    """What JAX says that it compiles, and what `reading` gives at each validation."""

    def __init__(self, reading):
        super().__init__()
        self.compiled, self.reading, self.readings = [], reading, []

    def emit(self, record):
        message = record.getMessage()
        if message.startswith("Compiling"):
            self.compiled.append(message.partition(" with ")[0])
        if "(val)" in message:
            self.readings.append(self.reading(self))


@pytest.fixture
def noted(request):
    handler, loggers = Noted(request.param), (logging.getLogger("jax"), get_logger())
    for logger in loggers:
        logger.addHandler(handler)
    with jax.log_compiles():
        yield handler
    for logger in loggers:
        logger.removeHandler(handler)


@pytest.mark.parametrize("noted", [lambda noted: len(noted.compiled)], indirect=True, ids=["compilations"])
def test_nothing_is_compiled_after_the_first_epoch_and_its_evaluation(tmp_path, noted):
    config = tiny.config(runner={"max_epochs": 4}, ema={"momentum": 0.01})
    config["data"]["train"]["split"], config["data"]["val"]["split"] = "train[:250]", "test[:50]"  # no whole batches
    jaxcls.train_model(config, tmp_path)
    assert len(noted.readings) == 4
    assert noted.readings[0] > 0
    assert noted.compiled[noted.readings[0] :] == []


def resident(_):
    """MiB of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.slow
@pytest.mark.parametrize("noted", [resident], indirect=True, ids=["memory"])
def test_the_memory_of_the_host_stays_over_five_thousand_steps(tmp_path, noted):
    tiny.train(
        tmp_path,
        runner={"type": "IterBasedRunner", "max_iters": 5000},
        evaluation={"interval": 500},
        checkpoint_config={"interval": 500, "max_keep_ckpts": 1},
        log_config={"interval": 50, "hooks": [{"type": "TextLoggerHook"}]},
    )
    assert len(noted.readings) == 10
    assert noted.readings[-1] - noted.readings[1] < 10, noted.readings
