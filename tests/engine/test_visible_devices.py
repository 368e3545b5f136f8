"""Which GPUs a process takes, where a launcher started it; as JAX notes it before it looks for any."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = """
import jax
from jaxcls.engine import processes
processes.initialize()
print(jax.process_count(), jax.config.values["jax_cuda_visible_devices"], jax.config.values["jax_rocm_visible_devices"])
"""


def free_port():
    with socket.socket() as unused:
        unused.bind(("localhost", 0))
        return str(unused.getsockname()[1])


def slurm(processes, hosts, **others):
    """The environment of each process."""
    job = {"SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "localhost", "JAX_COORDINATOR_PORT": free_port(), **others}
    counts = {"SLURM_NTASKS": str(processes), "SLURM_STEP_NUM_NODES": str(hosts)}
    ranks = ({"SLURM_PROCID": str(i), "SLURM_LOCALID": str(i % (processes // hosts))} for i in range(processes))
    return [{**job, **counts, **rank} for rank in ranks]


def open_mpi(processes, on_a_host):
    job = {"OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://127.0.0.1:34911", "JAX_COORDINATOR_PORT": free_port()}
    counts = {"OMPI_COMM_WORLD_SIZE": str(processes), "OMPI_COMM_WORLD_LOCAL_SIZE": str(on_a_host)}
    ranks = (
        {"OMPI_COMM_WORLD_RANK": str(i), "OMPI_COMM_WORLD_LOCAL_RANK": str(i % on_a_host)} for i in range(processes)
    )
    return [{**job, **counts, **rank} for rank in ranks]


@pytest.mark.parametrize(
    ("environments", "visible"),
    [
        (slurm(1, 1), ["all"]),
        (slurm(1, 1, JAX_CUDA_VISIBLE_DEVICES="2,3"), ["2,3"]),
        (slurm(1, 1, JAX_LOCAL_DEVICE_IDS="1"), ["1"]),
        (slurm(2, 1), ["0", "1"]),
        (slurm(2, 2), ["all", "all"]),
        (open_mpi(1, 1), ["all"]),
        (open_mpi(2, 2), ["0", "1"]),
    ],
)
def test_one_process_a_host_takes_all_gpus(environments, visible):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT, env={**os.environ, "JAX_PLATFORMS": "cpu", **own},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for own in environments
    ]  # fmt: skip
    said = [process.communicate(timeout=120) for process in started]
    expected = [f"{len(visible)} {cuda} " for cuda in visible]
    assert [out.startswith(start) for (out, _), start in zip(said, expected, strict=True)] == [True] * len(visible), (
        said
    )
