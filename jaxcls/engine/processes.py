"""Several processes that train together, over `jax.distributed`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import jax
from jax.experimental import multihost_utils

from jaxcls.errors import UserError

# the others learn within this many seconds that one has died
HEARTBEAT_TIMEOUT = 30


def initialize(coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None) -> None:
    """Joins the other processes; to be called before anything else of JAX.

    Args:
        coordinator: `host:port` of process 0; None: Slurm, a TPU pod, Open MPI or Kubernetes tell, or the environment
            variable JAX_COORDINATOR_ADDRESS.
        num_processes: how many there are; None: as above.
        process_id: which of them this is, from 0; None: as above.

    Raises:
        UserError: nothing tells.
    """
    try:
        jax.distributed.initialize(coordinator, num_processes, process_id, heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT)
    except (ValueError, TypeError) as error:
        raise UserError(
            f"--multihost: {error} Neither Slurm nor a TPU pod was found; "
            "give --coordinator=HOST:PORT, --num_processes and --process_id"
        ) from error


def is_first() -> bool:
    """Whether this is the process that writes what only one may."""
    return jax.process_index() == 0


def barrier(name: str) -> None:
    """Returns when all processes have come here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


@contextlib.contextmanager
def first_process_first(name: str) -> Iterator[None]:
    """The block runs in the first process, then in the others: they find what it has prepared."""
    if not is_first():
        barrier(name)
    yield
    if is_first():
        barrier(name)
