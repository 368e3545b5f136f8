"""Runs whose work directory is on object storage: fsspec's memory, and in processes of their own a folder's address."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import fsspec
import jax
import numpy as np
import pytest

import jaxcls
from jaxcls import object_storage
from jaxcls.convert import export_state_dict
from jaxcls.convert.writers import write_file
from jaxcls.engine import workdir
from jaxcls.engine.checkpoints.storage import Checkpoints, numbered, restore_checkpoint
from jaxcls.engine.runner.interruption import Interrupted
from jaxcls.errors import UserError
from jaxcls.inspect.logs import Log
from jaxcls.paths import expand
from jaxcls.report import write_report
from tests import commands
from tests.engine import tiny
from tests.engine.checkpoints.test_continuation import SignalHook, assert_same

RUN = "memory://bucket/runs/a"
SAVING = {"evaluation": {"interval": 1, "save_best": "auto"}, "checkpoint_config": {"interval": 1, "max_keep_ckpts": 1}}


@pytest.fixture
def bucket():
    """An empty one."""
    storage = fsspec.filesystem("memory")
    storage.store.clear()
    another_machine()
    return storage


def another_machine():
    """What the process has copied is not there any more."""
    object_storage._copy.cache_clear()
    object_storage._fetched_file.cache_clear()


def files(storage):
    return {path.removeprefix("/bucket/runs/a/"): storage.cat_file(path) for path in storage.find("/bucket/runs/a")}


def local_files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_goes_on_another_machine(bucket, tmp_path):
    whole = tiny.train(tmp_path / "whole", **SAVING)
    hook = {"type": f"{SignalHook.__module__}:SignalHook", "iteration": 11}
    with pytest.raises(Interrupted):
        tiny.train(RUN, hook, **SAVING)
    assert "interrupted/11/state/_METADATA" in files(bucket)
    another_machine()
    runner = tiny.train(RUN, resume=True, **SAVING)
    assert_same(runner, runner.work_dir, whole, tmp_path / "whole")
    assert sorted(files(bucket)) == sorted(["manifest.json", *json.loads(files(bucket)["manifest.json"])["files"]])
    there = files(bucket)
    del there["manifest.json"]
    assert there == local_files(runner.work_dir)
    assert not any(name.startswith("interrupted") for name in files(bucket))
    another_machine()
    with pytest.raises(UserError, match=f"^{RUN} holds a run already; continue it with --resume"):
        tiny.train(RUN)


def test_all_that_reads_a_run_or_weights_reads_it_there(bucket, tmp_path):
    runner = tiny.train(RUN, **SAVING)
    folder = runner.work_dir
    another_machine()
    expected = jaxcls.init_model(folder).variables
    for given in (RUN, f"{RUN}/checkpoints/2", f"{RUN}/"):
        model = jaxcls.init_model(given)
        assert jax.tree.all(jax.tree.map(np.array_equal, model.variables, expected))
    assert Log(RUN).lines == Log(folder).lines
    assert write_report([RUN], tmp_path / "page.html", shown=1).stat().st_size > 1000
    with pytest.raises(UserError, match="--out is missing: the page is written on this machine, not to memory://"):
        write_report([RUN])
    numbers = [jaxcls.evaluate_model(tiny.config(**SAVING), given)[0] for given in (RUN, folder)]
    assert numbers[0] == numbers[1]
    arrays = export_state_dict(model.classifier, jax.tree.map(np.asarray, model.variables))
    bucket.put_file(str(write_file(tmp_path / "weights.safetensors", arrays, {})), "/bucket/weights.safetensors")
    more = tiny.train(tmp_path / "more", resume_from=RUN, runner={"max_epochs": 3}, **SAVING)
    assert more.iter == 24
    assert {line["epoch"] for line in Log(tmp_path / "more").lines if line["mode"] == "train"} == {3}
    for given in (RUN, "memory://bucket/weights.safetensors"):
        still = {"load_from": given, "runner": {"max_epochs": 1}, "optimizer": {"type": "SGD", "lr": 1e-30}}
        tuned = tiny.train(tmp_path / given[-3:], **still)
        assert jax.tree.all(jax.tree.map(np.array_equal, tuned.state.params, runner.state.params))


@pytest.mark.slow
def test_the_commands_take_an_address(tmp_path):
    address = f"file://{tmp_path}/bucket/run"
    train = ("train.py", "--config=tests/recipe.py", f"--workdir={address}")
    first = commands.run(*train, "--config.runner.max_epochs=1")
    assert first.returncode == 0, first.stderr
    assert f"{address}: the run works in" in first.stderr
    again = commands.run(*train, "--config.runner.max_epochs=1")
    assert (again.returncode, "holds a run already" in again.stderr) == (1, True)
    more = commands.run(*train, "--config.runner.max_epochs=2", "--resume")
    assert more.returncode == 0, more.stderr
    assert "Epoch [2][" in more.stderr
    assert "Epoch [1][" not in more.stderr
    found = commands.run("evaluate.py", f"--ckpt={address}", f"--out={tmp_path}/out.json")
    assert "accuracy_top-1" in json.loads(found.stdout.splitlines()[-1])
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("jaxcls-")]


class Failing:
    """A storage whose machine is lost at a call that changes something."""

    def __init__(self, storage, call):
        self.storage, self.left = storage, call

    def __getattr__(self, name):
        method = getattr(self.storage, name)
        if name not in ("put_file", "pipe_file", "rm_file"):
            return method

        def counted(*arguments):
            self.left -= 1
            if self.left < 0:
                raise ConnectionError("lost")
            return method(*arguments)

        return counted


def test_a_machine_may_be_lost_at_any_moment(bucket, tmp_path):
    """After each call of a second sending, what another machine finds is the first state or the second."""
    copy = object_storage.copy_of(RUN)
    checkpoints, states = Checkpoints(copy.folder, max_to_keep=1), {}

    def save(number):
        states[number] = {"a": np.full(3, number)}
        checkpoints.set_best(number, "accuracy", float(number))
        checkpoints.save(number, states[number], {})
        checkpoints.wait()
        with (copy.folder / "log").open("a") as log:
            log.write(f"{number}\n")

    save(1)
    copy.push()
    first = dict(bucket.store)
    save(2)
    for call in range(1000):
        bucket.store.clear()
        bucket.store.update(first)
        copy._there = json.loads(first["/bucket/runs/a/manifest.json"].getvalue())["files"]
        copy._storage = Failing(bucket, call)
        problem = None
        try:
            copy.push()
        except UserError as error:
            problem = str(error)
        assert problem is None or problem.endswith("cannot be written: ConnectionError: lost")
        other = object_storage.Copy(RUN)
        other.pull()
        assert any(other.folder.iterdir())
        (found,) = numbered(other.folder / "checkpoints")
        arrays, meta = restore_checkpoint(found)
        np.testing.assert_array_equal(arrays["a"], states[meta["number"]]["a"])
        assert json.loads((other.folder / "best.json").read_text())["number"] <= meta["number"]
        assert (other.folder / "log").read_text() in ("1\n", "1\n2\n")
        copy._storage = bucket
        copy.push()  # what is left
        assert {name: bucket.cat_file(f"/bucket/runs/a/{name}") for name in copy._there} == {
            path.relative_to(copy.folder).as_posix(): path.read_bytes()
            for path in copy.folder.rglob("*")
            if path.is_file()
        }
        if problem is None:
            break
    assert call > 5
    assert not any("checkpoints/1/" in name for name in bucket.store)
    checkpoints.close()


def test_what_is_new_is_sent_while_the_run_goes_on(bucket, monkeypatch):
    monkeypatch.setattr(workdir, "SECONDS", 0.01)
    with workdir.opened(RUN) as folder:
        (folder / "log").write_text("1")
        (folder / "checkpoints" / "1.orbax-checkpoint-tmp").mkdir(parents=True)
        (folder / "checkpoints" / "1.orbax-checkpoint-tmp" / "a").write_text("half")
        wait_for(lambda: "log" in files(bucket))
        assert sorted(files(bucket)) == ["log", "manifest.json"]
        (folder / "log").write_text("12")
        wait_for(lambda: files(bucket)["log"] == b"12")
        (folder / "log").unlink()
        wait_for(lambda: "log" not in files(bucket))


def wait_for(condition):
    for _ in range(1000):
        if condition():
            return
        signal.sigtimedwait([], 0.01)
    raise AssertionError("not within 10 seconds")


def test_what_cannot_be_sent_stays_and_is_named(bucket, caplog):
    with pytest.raises(UserError, match=r"cannot be written: ConnectionError: lost; all of the run is in .*/a$"):
        begin_and_lose()
    copy = object_storage.copy_of(RUN)
    assert copy.kept
    assert (copy.folder / "log").read_text() == "1"
    with pytest.raises(ZeroDivisionError):
        begin_and_lose(ZeroDivisionError())
    assert "all of the run is in" in caplog.text


def begin_and_lose(error=None):
    object_storage.copy_of(RUN)._storage = Failing(fsspec.filesystem("memory"), 0)
    with workdir.opened(RUN) as folder:
        (folder / "log").write_text("1")
        if error:
            raise error


def test_several_processes_are_refused(bucket, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(UserError, match="several processes need a folder that all of them see; mount the bucket"):
        tiny.train(RUN)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: jaxcls.init_model("memory://bucket/none"), "memory://bucket/none: neither a run nor a file is there"),
        (lambda: jaxcls.init_model("oss://bucket/run"), "oss://bucket/run: "),  # its package is not installed
        (
            lambda: expand("gs://bucket/x.png"),
            "gs://bucket/x.png: an address, where a path on this machine is expected",
        ),
        (lambda: expand("https://a.org/x.png"), "an address, where a path on this machine is expected"),
        (lambda: tiny.train("gss://bucket/run"), "gss://bucket/run: an address"),
        (
            lambda: tiny.train(Path("gs://bucket/run")),
            "gs:/bucket/run: a Path makes one slash of the two of an address",
        ),
    ],
)
def test_messages(bucket, read, message):
    with pytest.raises(UserError, match=message):
        read()


@pytest.mark.parametrize("name", ["../x", "checkpoints/../../x", "/x"])
def test_a_manifest_that_reaches_out_of_the_run(bucket, name):
    bucket.pipe_file("/bucket/runs/a/manifest.json", json.dumps({"files": {name: [1, 2]}}).encode())
    with pytest.raises(UserError, match=f"manifest.json lists what is not in the run: {name}"):
        jaxcls.init_model(RUN)


def test_a_manifest_that_is_none(bucket):
    bucket.pipe_file("/bucket/runs/a/manifest.json", b"[")
    with pytest.raises(UserError, match="memory:///bucket/runs/a cannot be read: JSONDecodeError"):
        jaxcls.init_model(RUN)
