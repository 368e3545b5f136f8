"""The scripts of docs/launching.md: they parse, call what there is, and start again what should be."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "launching.md").read_text()
MACHINE, SLURM, POD = re.findall(r"```sh\n(#!.*?)```", PAGE, re.DOTALL)
(JOBSET,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def run(script, folder, *statuses):
    """The script's status, and what it called: the programs there end with the statuses in turn."""
    calls = folder / "calls"
    (folder / "statuses").write_text("\n".join(map(str, statuses)) + "\n")
    for name in ("jaxcls", "srun", "scontrol", "gcloud"):
        program = folder / name
        program.write_text(
            f'#!/bin/bash\ncd {folder}\necho {name} "$@" >> {calls}\nread -r status < statuses\n'
            'sed -i 1d statuses\nexit "${status:-0}"\n'
        )
        program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "SLURM_JOB_ID": "7"}
    done = subprocess.run(["bash", "-c", script, "script", "pod", "zone"], env=environment, timeout=60, check=False)
    return done.returncode, calls.read_text().splitlines()


@pytest.mark.parametrize(("statuses", "times", "end"), [((0,), 1, 0), ((75, 137, 0), 3, 0), ((75, 1), 2, 1)])
def test_one_machine_starts_again_what_is_not_done_and_no_mistake(tmp_path, statuses, times, end):
    status, calls = run(MACHINE, tmp_path, *statuses)
    assert (status, len(calls)) == (end, times)
    assert all("--resume" in call for call in calls)


@pytest.mark.parametrize(("status", "again"), [(0, False), (1, False), (75, True), (137, True)])
def test_slurm_queues_again_what_is_not_done_and_no_mistake(tmp_path, status, again):
    found, (step, *requeued) = run(SLURM, tmp_path, status, 0)
    assert found == status
    assert step.startswith("srun jaxcls train ")
    assert requeued == (["scontrol requeue 7"] if again else [])


def test_a_pod_s_hosts_run_one_command(tmp_path):
    _, (call,) = run(POD, tmp_path, 0)
    assert call.startswith("gcloud compute tpus tpu-vm ssh pod --zone=zone --worker=all --command=jaxcls train ")


def test_the_pods_of_a_job_set_find_each_other():
    job_set = yaml.safe_load(JOBSET)
    (job,) = job_set["spec"]["replicatedJobs"]
    spec = job["template"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    name, *flags = container["args"]
    given = dict(flag[2:].split("=", 1) for flag in flags if "=" in flag)
    assert name == "train"
    assert {"--resume", "--multihost"} < set(flags)
    assert int(given["num_processes"]) == spec["parallelism"] == spec["completions"]
    # JobSet's names of pods: <set>-<job>-<replica>-<index>.<set>
    first = f"{job_set['metadata']['name']}-{job['name']}-0-0.{job_set['metadata']['name']}"
    assert given["coordinator"].partition(":")[0] == first
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
