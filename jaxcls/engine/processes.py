"""Several processes that train together, over `jax.distributed`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import jax
from jax.experimental import multihost_utils

from jaxcls.errors import UserError

# the others learn within this many seconds that one has died
HEARTBEAT_TIMEOUT = 30


def initialize(coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None) -> None:
    """Joins the other processes; to be called before anything else of JAX.

    Under Slurm and Open MPI, JAX gives each process one GPU. Where they start one process a host, it takes all of them
    here; the environment variable JAX_LOCAL_DEVICE_IDS says otherwise.

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
    if _is_alone_on_its_host() and "JAX_LOCAL_DEVICE_IDS" not in os.environ:
        for kind in ("cuda", "rocm"):
            visible = os.environ.get(f"JAX_{kind.upper()}_VISIBLE_DEVICES", "all")
            jax.config.update(f"jax_{kind}_visible_devices", visible)


def _is_alone_on_its_host() -> bool:
    """Whether a launcher says that it has started one process on each host."""
    if "OMPI_COMM_WORLD_LOCAL_SIZE" in os.environ:
        return os.environ["OMPI_COMM_WORLD_LOCAL_SIZE"] == "1"
    return "SLURM_NTASKS" in os.environ and os.environ["SLURM_NTASKS"] == os.environ.get("SLURM_STEP_NUM_NODES")


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
