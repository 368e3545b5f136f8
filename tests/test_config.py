from __future__ import annotations

import pytest

from jaxcls.config import complete, load_config, save_config
from jaxcls.errors import UserError

SMALL = {"model": {}, "data": {"batch_size": 8, "train": {}}, "optimizer": {}, "runner": {}}


def test_defaults_are_filled_in():
    full = complete(SMALL)
    assert full["workflow"] == (("train", 1),)
    assert (full["data"]["num_workers"], full["data"]["worker_type"]) == (2, "thread")
    assert full["seed"] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimzer": {}}, r"config has no key 'optimzer'; did you mean 'optimizer'"),
        ({"runner": None}, r"config lacks runner"),
        ({"data": {"batch_size": 8}}, r"config\.data lacks 'train'"),
        ({"data": {"batchsize": 8, "train": {}}}, r"config\.data has no key 'batchsize'; did you mean 'batch_size'"),
    ],
)
def test_messages(change, message):
    with pytest.raises(UserError, match=message):
        complete({**SMALL, **change})


def test_saved_configs_come_back(tmp_path):
    save_config(complete(SMALL), tmp_path / "config.json")
    assert complete(load_config(tmp_path / "config.json")) == complete(SMALL)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        load_config(tmp_path / "config.json")
    with pytest.raises(UserError, match="does not exist"):
        load_config(tmp_path / "other.json")
