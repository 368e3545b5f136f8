"""The learning rate and the momentum of a config's training, step by step, without training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcls.builder import build
from jaxcls.config import complete
from jaxcls.data import sampler
from jaxcls.data.pipeline import build_dataset
from jaxcls.engine.assembly import runner_kind
from jaxcls.engine.optim.optimisation import Optimisation
from jaxcls.errors import UserError


class Schedules(NamedTuple):
    """What a training would log.

    Attributes:
        lr: (steps,) float32.
        momentum: the same of the momentum, of Adam and its kin the first beta; None where there is none.
        iters_per_epoch: how many steps are an epoch.
        by_epoch: whether the training's length is counted in epochs.
    """

    lr: np.ndarray
    momentum: np.ndarray | None
    iters_per_epoch: int
    by_epoch: bool

    @property
    def places(self) -> np.ndarray:
        """(steps,): the epochs that have passed before each step, or the steps in a run by iterations."""
        steps = np.arange(len(self.lr))
        return steps / self.iters_per_epoch if self.by_epoch else steps


def schedules(config: Mapping[str, Any], dataset_size: int | None = None) -> Schedules:
    """The schedules of a config.

    Args:
        config: what a `get_config` gives.
        dataset_size: the number of training images; None: that of `data.train`, which is then opened.

    Raises:
        UserError: a mistake in the config, or the data is not there.
    """
    config = complete(config)
    data, (kind, length) = config["data"], runner_kind(config["runner"])
    if dataset_size is None:
        try:
            dataset_size = len(build_dataset(data["train"], "data.train"))
        except UserError as error:
            raise UserError(f"{error} (--dataset_size=N does without the data)") from error
    count = build(data["sampler"], sampler, "data.sampler").count(dataset_size)
    iters_per_epoch = -(-count // data["batch_size"])
    optimisation = Optimisation(config, kind, length, iters_per_epoch)
    steps = jnp.arange(length * iters_per_epoch if kind.by_epoch else length)

    def values(schedule: Any) -> np.ndarray | None:
        return None if schedule is None else np.asarray(jax.vmap(schedule)(steps), np.float32)

    lr = values(optimisation.schedule)
    assert lr is not None
    return Schedules(lr, values(optimisation.momentum_schedule), iters_per_epoch, kind.by_epoch)
