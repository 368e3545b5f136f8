from __future__ import annotations

import types

import ml_collections
import pytest

from jaxcls.builder import build, lookup, plain
from jaxcls.errors import UserError
from jaxcls.models import backbones, build_classifier


class Scale:
    def __init__(self, factor, offset=0):
        if factor == 0:
            raise UserError("factor=0; allowed: any other number")
        self.factor, self.offset = factor, offset


slot = types.ModuleType("slot")
slot.Scale, slot.__all__ = Scale, ["Scale"]


def test_builds_from_dicts_and_config_dicts():
    for config in ({"type": "Scale", "factor": 2}, ml_collections.ConfigDict({"type": "Scale", "factor": 2})):
        made = build(config, slot, offset=3)
        assert (made.factor, made.offset) == (2, 3)
    assert config.type == "Scale"  # the config is left as it was


def test_plain_makes_lists_tuples():
    assert plain(ml_collections.ConfigDict({"a": [1, [2]], "b": {"c": None}})) == {"a": (1, (2,)), "b": {"c": None}}


def test_code_of_the_users_own():
    assert lookup("collections:OrderedDict", slot).__name__ == "OrderedDict"
    with pytest.raises(UserError, match=r"cannot import 'no_such_module'"):
        lookup("no_such_module:Name", slot)
    with pytest.raises(UserError, match=r"did you mean 'OrderedDict'"):
        lookup("collections:OrderdDict", slot)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "Scal", "factor": 1}, r"here: 'Scal' is not in slot; did you mean 'Scale'\?"),
        ({"type": "Scale", "facter": 1}, r"here: Scale has no argument 'facter'; did you mean 'factor'\?"),
        ({"type": "Scale"}, r"here: Scale needs 'factor'"),
        ({"type": "Scale", "factor": 0}, r"here: Scale: factor=0; allowed"),
        ({"factor": 0}, r"here: expected a dict with a 'type'"),
    ],
)
def test_messages(config, message):
    with pytest.raises(UserError, match=message):
        build(config, slot, "here")


def test_names_of_a_model_config_are_placed():
    with pytest.raises(UserError, match=r"model\.backbone: 'ResNt' is not in jaxcls\.models\.backbones; did you mean"):
        build_classifier({"type": "ImageClassifier", "backbone": {"type": "ResNt"}, "head": {"type": "ClsHead"}})
    with pytest.raises(UserError, match=r"model\.backbone: ResNet: depth=19; allowed: 18, 34, 50, 101, 152"):
        build_classifier({"type": "ImageClassifier", "backbone": {"type": "ResNet", "depth": 19}})
    with pytest.raises(UserError, match=r"backbone: ResNet has no argument 'dept'; did you mean 'depth'"):
        build({"type": "ResNet", "dept": 18}, backbones, "backbone")
