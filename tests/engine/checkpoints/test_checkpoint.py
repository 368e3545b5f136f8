from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import textwrap

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxcls.engine.checkpoints.storage import Checkpoints, locate, restore_checkpoint, restore_into
from jaxcls.engine.log import get_logger
from jaxcls.engine.step.train_state import create_train_state
from jaxcls.errors import UserError


def state(value=0.0, features=3):
    params = {"backbone": {"layer1.0": {"kernel": np.full((2, features), value, np.float32)}}}
    tx = optax.chain(optax.identity(), optax.trace(0.9), optax.scale_by_schedule(lambda step: 1.0))
    return create_train_state({"params": params}, tx)


@pytest.fixture
def checkpoints(tmp_path):
    made = Checkpoints(tmp_path)
    yield made
    made.close()


def test_what_is_saved_comes_back(checkpoints):
    checkpoints.save(1, state(7.0), {"epoch": 1, "iter": 23})
    checkpoints.wait()
    arrays, meta = restore_checkpoint(checkpoints.directory / "1")
    assert meta == {"epoch": 1, "iter": 23, "number": 1, "best": None}
    restored = restore_into(state(), arrays, "it")
    assert type(restored.opt_state) is type(state().opt_state)
    np.testing.assert_array_equal(restored.params["backbone"]["layer1.0"]["kernel"], np.full((2, 3), 7.0))


def test_a_state_may_change_while_it_is_written(checkpoints):
    kept = state(1.0)
    checkpoints.save(1, kept, {})
    kept.params["backbone"]["layer1.0"]["kernel"].delete()  # as a donated buffer is
    checkpoints.wait()
    arrays, _ = restore_checkpoint(checkpoints.directory / "1")
    assert np.all(arrays["params"]["backbone"]["layer1.0"]["kernel"] == 1.0)


def flip_bit(folder):
    for path in folder.glob("*/**/*"):
        if path.name == "metadata":  # which no checksum of Orbax covers
            content = bytearray(path.read_bytes())
            content[-5] ^= 1
            path.write_bytes(content)


def test_the_newest_and_the_best_stay(tmp_path):
    made = Checkpoints(tmp_path, max_to_keep=2)
    for number in range(1, 6):
        made.save(number, state(number), {})
        if number == 2:
            made.set_best(2, "accuracy_top-1", 90.0)
    made.wait()
    assert made.numbers == [2, 4, 5]
    assert locate(tmp_path) == (tmp_path, tmp_path / "checkpoints" / "2")
    assert locate(tmp_path / "checkpoints" / "5") == (tmp_path, tmp_path / "checkpoints" / "5")
    numbered = shutil.copytree(tmp_path, tmp_path / "7")  # as a run, not a checkpoint, may be called
    assert locate(numbered) == (numbered, numbered / "checkpoints" / "2")
    made.close()


def truncate(folder):
    biggest = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    biggest.write_bytes(biggest.read_bytes()[:-100])


def empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize("damage", [truncate, flip_bit, empty])
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(checkpoints, damage, caplog, monkeypatch):
    for number in (1, 2):
        checkpoints.save(number, state(number), {"iter": number})
        checkpoints.set_best(number, "accuracy_top-1", number)
    checkpoints.wait()
    newest = checkpoints.directory / "2"
    damage(newest)
    with pytest.raises(UserError, match=r"checkpoint .*/2 cannot be read"):
        restore_checkpoint(newest)
    monkeypatch.setattr(get_logger(), "propagate", True)
    assert checkpoints.restore_newest()[1]["number"] == 1
    assert f"checkpoint {newest} cannot be read" in caplog.text
    # what could not be read is kept, apart, and the best is again what it was when checkpoint 1 was begun
    assert (checkpoints.workdir / "damaged" / "checkpoints-2").exists()
    assert checkpoints.best is None
    checkpoints.save(2, state(2), {"iter": 2})
    checkpoints.wait()
    assert checkpoints.numbers == [1, 2]
    for number in (1, 2):
        empty(checkpoints.directory / str(number))
    with pytest.raises(UserError, match=r"no checkpoint in .* can be read \(checkpoints/2, checkpoints/1\)"):
        checkpoints.restore_newest()


def test_an_interrupted_run_is_newer_than_what_it_has_passed(checkpoints):
    checkpoints.save(1, state(1), {"iter": 10})
    folder = checkpoints.save_interrupted(15, state(1.5), {"iter": 15})
    assert checkpoints.restore_newest()[1]["number"] == 15
    assert locate(folder) == (checkpoints.workdir, folder)
    truncate(folder)
    assert checkpoints.restore_newest()[1]["number"] == 1
    checkpoints.save_interrupted(15, state(1.5), {"iter": 15})
    checkpoints.save(2, state(2), {"iter": 20})
    # a process that dies here leaves both
    checkpoints._manager.wait_until_finished()
    assert checkpoints.restore_newest()[1]["number"] == 2
    checkpoints.wait()
    assert not (checkpoints.workdir / "interrupted").exists()


def test_no_checkpoint_is_none(checkpoints):
    assert checkpoints.restore_newest() is None


def test_a_checkpoint_of_another_model_is_refused(checkpoints):
    checkpoints.save(1, state(features=4), {})
    checkpoints.wait()
    arrays, _ = restore_checkpoint(checkpoints.directory / "1")
    with pytest.raises(UserError, match=r"it is of another model.*layer1.0.kernel is \(2, 4\), expected \(2, 3\)"):
        restore_into(state(), arrays, "it")
    other = create_train_state({"params": {"head": {"bias": jnp.zeros(3)}}}, optax.sgd(0.1))
    with pytest.raises(UserError, match=r"it lacks params\.head\.bias"):
        restore_into(other, arrays, "it")


def test_locate_names_what_is_expected(tmp_path):
    with pytest.raises(UserError, match="does not exist; expected a work directory or a checkpoint"):
        locate(tmp_path / "nothing")
    with pytest.raises(UserError, match="holds no checkpoint"):
        locate(tmp_path)


FULL_DISK = """
    import resource, signal, sys
    import numpy as np
    from jaxcls.engine.checkpoints.storage import Checkpoints
    from jaxcls.errors import UserError
    made = Checkpoints(sys.argv[1], max_to_keep=1)
    small = {"params": {"w": np.arange(8.0)}}
    made.save(1, small, {"iter": 1}); made.wait()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    big = {"params": {"w": np.random.default_rng(0).random(1_000_000)}}
    try:
        made.save(2, big, {"iter": 2}); made.wait()
    except UserError as error:
        print("MESSAGE", error)
    made.close()
    arrays, meta = Checkpoints(sys.argv[1]).restore_newest()
    assert meta["number"] == 1 and arrays["params"]["w"].sum() == 28
    print("GOOD")
"""


def test_a_full_disk_is_said_and_the_last_good_checkpoint_stays(tmp_path):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    code = textwrap.dedent(FULL_DISK)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert "GOOD" in done.stdout, done.stderr
    message = next(line for line in done.stdout.splitlines() if line.startswith("MESSAGE"))
    assert f"checkpoint 2 could not be written to {tmp_path}/checkpoints" in message
    assert f"the last good checkpoint is {tmp_path}/checkpoints/1" in message
