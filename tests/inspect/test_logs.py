import json

import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.inspect.logs import Log
from jaxcls.tools.analyze_logs import train_time


def write(folder, lines, name="20260101_000000.log.json"):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("".join(f"{json.dumps(line)}\n" for line in [{"seed": 0}, *lines]))
    return path


def train(epoch, iteration, **values):
    return {"mode": "train", "epoch": epoch, "iter": iteration, "lr": 0.1, **values}


def val(epoch, iteration, **values):
    return {"mode": "val", "epoch": epoch, "iter": iteration, "lr": 0.1, **values}


def test_by_epoch(tmp_path):
    lines = [train(1, 5, loss=4), train(1, 10, loss=3), val(1, 7, acc=50), train(2, 5, loss=2), val(2, 7, acc=60)]
    write(tmp_path / "run", lines)
    log = Log(tmp_path / "run")
    assert (log.name, log.by_epoch, log.keys()) == ("run", True, ["lr", "loss", "acc"])
    np.testing.assert_array_equal(log.curves("loss")["train"], [[0.5, 1.0, 1.5], [4, 3, 2]])
    np.testing.assert_array_equal(log.curves("acc")["val"], [[1, 2], [50, 60]])
    assert list(log.curves("lr")) == ["train"]


def test_by_iteration(tmp_path):
    lines = [train(1, 50, loss=4), val(1, 7, acc=1), train(2, 100, loss=3), train(3, 150, loss=2), val(3, 7, acc=2)]
    log = Log(write(tmp_path / "run", lines))
    assert not log.by_epoch
    np.testing.assert_array_equal(log.curves("acc")["val"].x, [50, 150])


def test_times_as_the_original_says_them(tmp_path):
    times = {1: [9.0, 1.0, 2.0], 2: [5.0, 3.0, 3.0], 3: [0.5]}
    lines = [train(epoch, i, time=time) for epoch, values in times.items() for i, time in enumerate(values, 1)]
    log = Log(write(tmp_path / "run", lines))
    assert train_time(log).splitlines()[1:] == [
        "slowest epoch 2, average time is 3.0000",
        "fastest epoch 3, average time is 0.5000",
        "time std over epochs is 1.0274",
        "average iter time: 1.9000 s/iter",
    ]
    assert train_time(log, include_outliers=True).splitlines()[1] == "slowest epoch 1, average time is 4.0000"


def test_damaged_and_unfinished_logs(tmp_path):
    path = write(tmp_path / "run", [train(1, 1, loss=1)])
    path.write_text(path.read_text() + '{"mode": "tr')  # being written
    assert len(Log(path).lines) == 1
    path.write_text("no JSON\n" + path.read_text())
    with pytest.raises(UserError, match="line 1: not JSON"):
        Log(path)
    with pytest.raises(UserError, match="does not exist"):
        Log(tmp_path / "nothing")
    with pytest.raises(UserError, match="no line about a training"):
        Log(write(tmp_path / "empty", []))
