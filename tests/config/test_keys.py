from __future__ import annotations

import json

import ml_collections
import numpy as np
import pytest

from jaxcls.config import complete
from jaxcls.errors import UserError
from tests import recipe


def small(**changes):
    """The small recipe as plain dicts, with some keys changed."""
    return {**recipe.get_config().to_dict(), **changes}


def test_defaults_are_filled_in():
    given = {key: value for key, value in small().items() if key in ("model", "data", "optimizer", "runner")}
    full = complete(given)
    assert full["workflow"] == (("train", 1),)
    assert full["data"]["worker_type"] == "thread"
    assert (full["seed"], full["ema"], full["import_from"]) == (0, None, ())


def test_what_is_given_in_part_is_completed():
    full = complete(small(log_config={"interval": 3}, lr_config={"warmup": "linear", "warmup_iters": 2}))
    assert full["log_config"] == {"interval": 3, "hooks": ({"type": "TextLoggerHook"},)}
    assert full["lr_config"]["policy"] == "fixed"


def test_none_is_as_if_not_given():
    config = small(log_config=None, seed=None)
    config["data"].update(val=None, num_workers=None)
    full = complete(config)
    assert full["seed"] == 0
    assert full["data"]["num_workers"] == 2
    assert "val" not in full["data"]


def test_config_dicts_and_arrays_become_plain():
    config = ml_collections.ConfigDict(small())
    config.data.train.pipeline[1]["mean"] = np.array([77.9])
    assert complete(config)["data"]["train"]["pipeline"][1]["mean"] == (77.9,)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("optimzer", {}, r"config has no key 'optimzer'; did you mean 'optimizer'"),
        ("runner", None, r"^config lacks runner; required are model, data, optimizer, runner$"),
        ("runner.max_epoch", 3, r"runner: EpochBasedRunner has no argument 'max_epoch'; did you mean 'max_epochs'"),
        ("runner.max_epochs", 0, r"runner\.max_epochs: 0; expected a whole number from 1"),
        ("runner.type", "EpochRunner", r"runner\.type: 'EpochRunner' is not in .*did you mean 'EpochBasedRunner'"),
        ("data", {"batch_size": 8}, r"data lacks train; required are batch_size, train"),
        ("total_epochs", 8, r"config has no key 'total_epochs', which is MMClassification's; here: runner\.max_epochs"),
        ("fp16", {}, "config has no key 'fp16', which is MMClassification's; here: precision='float16'"),
        ("data.samples_per_gpu", 8, r"data has no key 'samples_per_gpu', which is .*; here: batch_size"),
        ("data.sampels_per_gpu", 8, r"data has no key 'sampels_per_gpu'; did you mean 'sampler'\? Allowed: batch_"),
        ("data.batchsize", 8, r"data has no key 'batchsize'; did you mean 'batch_size'"),
        ("data.batch_size", "8", r"data\.batch_size: '8'; expected a whole number from 1"),
        ("data.batch_size", 0, r"data\.batch_size: 0; expected a whole number from 1"),
        ("data.num_workers", -1, r"data\.num_workers: -1; expected a whole number from 0"),
        ("seed", -1, r"seed: -1; expected a whole number from 0"),
        ("seed", 2**32, r"seed: 4294967296; expected a whole number from 0 to 4294967295"),
        ("log_config", {"interval": 0}, r"log_config\.interval: 0; expected a whole number from 1"),
        (
            "data.sampler",
            {"type": "RandomSample"},
            r"data\.sampler\.type: 'RandomSample' .*did you mean 'RandomSampler'",
        ),
        ("data.train.spilt", "a", r"data\.train: TFDS has no argument 'spilt'; did you mean 'split'"),
        ("data.train", [{"type": "TFD"}], r"data\.train\[0\]\.type: 'TFD' is not in .*did you mean 'TFDS'"),
        (
            "data.train",
            {"type": "RepeatDataset", "times": 2, "dataset": {"type": "TFDS", "nam": "digits", "split": "a"}},
            r"data\.train\.dataset: TFDS has no argument 'nam'; did you mean 'name'",
        ),
        (
            "data.val.pipeline",
            [{"type": "Resize", "sise": 3}],
            r"data\.val\.pipeline\[0\]: Resize has no argument 'sise'",
        ),
        ("data.val.pipeline", [{"type": "Resize"}], r"data\.val\.pipeline\[0\]: Resize needs 'size'"),
        ("data.val.pipeline", {"type": "Resize"}, r"data\.val\.pipeline: .*; expected a list"),
        ("model", "ResNet", r"model: 'ResNet'; expected a dict with a 'type'; config\.model\.type changes the"),
        ("model.bakbone", {}, r"model: ImageClassifier has no argument 'bakbone'; did you mean 'backbone'"),
        ("model.backbone.dept", 18, r"model\.backbone: ResNet_CIFAR has no argument 'dept'; did you mean 'depth'"),
        ("model.backbone.depth", "18", r"model\.backbone\.depth: '18'; expected a whole number"),
        ("model.backbone.type", None, r"model\.backbone\.type: None; expected a name"),
        (
            "model.backbone.norm_cfg",
            {"type": "BN", "epss": 1},
            r"model\.backbone\.norm_cfg: BN has no argument 'epss'; did you",
        ),
        ("model.backbone.norm_cfg", {"type": "SynBN"}, r"backbone\.norm_cfg: type 'SynBN'; did you mean 'SyncBN'"),
        ("model.backbone.norm_cfg", {"eps": 1}, r"model\.backbone\.norm_cfg: .*; expected a dict with a 'type'"),
        (
            "model.backbone.conv_cfg",
            {"type": "Conv3d"},
            r"model\.backbone\.conv_cfg: type 'Conv3d'; allowed: Conv, Conv2d",
        ),
        (
            "model.backbone.init_cfg",
            [{"type": "Normal", "sdt": 1}],
            r"model\.backbone\.init_cfg: Normal has no argument 'sdt'",
        ),
        ("model.init_cfg", {"type": "Nrmal"}, r"model\.init_cfg: type 'Nrmal'; did you mean 'Normal'"),
        (
            "model.head.init_cfg",
            {"type": "Normal", "override": {"name": "fc", "sdt": 1}},
            r"head\.init_cfg: Normal has no",
        ),
        ("model.neck.dims", 2, r"model\.neck: GlobalAveragePooling has no argument 'dims'; did you mean 'dim'"),
        ("model.head.loss.loss_wieght", 1, r"model\.head\.loss: .* no argument 'loss_wieght'; did you mean 'loss_w"),
        ("model.train_cfg", {"augment": []}, r"model\.train_cfg has no key 'augment'; did you mean 'augments'"),
        (
            "model.train_cfg",
            {"augments": {"type": "BatchMixup", "alfa": 1.0}},
            r"model\.train_cfg\.augments: BatchMixup has no argument 'alfa'; did you mean 'alpha'",
        ),
        ("optimizer", "Adam", r"optimizer: 'Adam'; expected a dict with a 'type'; optimizer\.type changes the type"),
        ("optimizer.nesterv", True, r"optimizer: SGD has no argument 'nesterv'; did you mean 'nesterov'"),
        ("optimizer.paramwise_cfg", {"norm_decay": 0}, r"optimizer\.paramwise_cfg has no key 'norm_decay'; did"),
        ("optimizer_config.grad_cilp", None, r"optimizer_config has no key 'grad_cilp'; did you mean 'grad_clip'"),
        (
            "optimizer_config.grad_clip",
            {"max_nrm": 1},
            r"optimizer_config\.grad_clip: .* no argument 'max_nrm'; did you",
        ),
        ("lr_config", {"policy": "step", "stp": [1]}, r"lr_config: policy step has no argument 'stp'; did you"),
        ("lr_config.policy", "stp", r"lr_config: policy: 'stp' is unknown; did you mean 'step'"),
        ("momentum_config", {"policy": "cyclc"}, r"momentum_config: policy: 'cyclc' is unknown; did you mean 'cyclic'"),
        ("ema", {"momentm": 1e-4}, r"ema: Ema has no argument 'momentm'; did you mean 'momentum'"),
        ("ema", True, r"ema: True; expected a dict"),
        ("custom_hooks", [{"type": "fractions:Fraction"}], r"type: Fraction; expected a class derived from jaxcls\."),
        (
            "log_config",
            {"hooks": [{"type": "fractions:Fraction"}]},
            r"hooks\[0\]\.type: Fraction; expected a class der",
        ),
        ("model.backbone.type", "fractions:Fraction", r"backbone\.type: Fraction; .* derived from flax\..*Module"),
        ("model.head.loss", {"type": "fractions:Fraction"}, r"loss\.type: Fraction; expected a class with __call__"),
        ("data.val", {"type": "fractions:Fraction"}, r"data\.val\.type: Fraction; .* derived from .*Source"),
        ("data.val.pipeline", [{"type": "fractions:Fraction"}], r"pipeline\[0\]\.type: Fraction; .* with __call__"),
        ("runner.type", "fractions:Fraction", r"runner\.type: Fraction; expected a class derived from .*Runner"),
        ("precision", "bfloat17", r"precision: .*'bfloat17'; did you mean 'bfloat16'"),
        ("precision", {"type": "float16", "loss_scal": 1}, r"precision: .*no argument 'loss_scal'; did you mean"),
        ("evaluation.intervall", 1, r"evaluation: EvalHook has no argument 'intervall'; did you mean 'interval'"),
        ("evaluation.interval", "1", r"evaluation\.interval: '1'; expected a whole number"),
        ("evaluation.evaluator", 1, r"evaluation: EvalHook has no argument 'evaluator'"),
        ("checkpoint_config.max_keep", 1, r"checkpoint_config: CheckpointHook has no argument 'max_keep'; did you"),
        ("log_config.intervall", 1, r"log_config has no key 'intervall'; did you mean 'interval'"),
        ("log_config.hooks", [{"type": "TextLogger"}], r"log_config\.hooks\[0\]\.type: 'TextLogger' is not in"),
        (
            "custom_hooks",
            [{"type": "PreciseBNHook", "num_sample": 1}],
            r"custom_hooks\[0\]: .*did you mean 'num_samples'",
        ),
        ("custom_hooks", [{"type": "PreciseBNHook", "priority": 1.5}], r"custom_hooks\[0\]\.priority: 1\.5; expected"),
        ("custom_hooks", {"type": "PreciseBNHook"}, r"custom_hooks: .*; expected a list"),
        ("workflow", [("trian", 1)], r"workflow\[0\]: \('trian', 1\); expected \('train', N\) or \('val', N\)"),
        ("workflow", [("train", 0)], r"workflow\[0\]: \('train', 0\); expected"),
        ("workflow", [("train", "1")], r"workflow\[0\]: .*; expected"),
        ("parallel", "pmapp", r"parallel: 'pmapp'; did you mean 'pmap'"),
        ("parallel", {"mode": "fsdb"}, r"parallel\.mode: 'fsdb'; did you mean 'fsdp'"),
        ("parallel", {"mode": "fsdp", "shards": 1.5}, r"parallel\.shards: 1\.5; expected a whole number from 0"),
        ("parallel", {"shards": 2}, r"parallel lacks mode"),
        ("seed", 1.5, r"seed: 1\.5; expected a whole number"),
        ("load_from", 3, r"load_from: 3; expected text or None"),
        (
            "custom_hooks",
            [{"type": "ClosureHook", "fn_name": "before_run", "fn": lambda runner: None}],
            r"a lambda of .*cannot",
        ),
    ],
)
def test_messages(path, value, message):
    with pytest.raises(UserError, match=message):
        complete(changed(path, value))


def changed(path, value):
    """The small recipe with another value in one place."""
    config = small()
    *parents, last = path.split(".")
    node = config
    for parent in parents:
        node[parent] = dict(node.get(parent) or {})
        node = node[parent]
    node[last] = value
    return config


@pytest.mark.parametrize("value", [{"a": 1}, [], ["a"], 3, 0.5, float("nan"), True], ids=repr)
@pytest.mark.parametrize(
    "path",
    [
        "lr_config.policy",
        "model.backbone.conv_cfg.type",
        "model.backbone.init_cfg.type",
        "model.backbone.norm_cfg.type",
        "model.backbone.type",
        "model.head.loss.type",
        "momentum_config.policy",
        "optimizer.type",
        "optimizer_config.grad_clip.type",
        "optimizer_config.type",
        "parallel",
        "precision",
        "runner.type",
    ],
)
def test_what_is_no_name_is_refused_as_such(path, value):
    with pytest.raises(UserError, match=path.split(".")[-1]):
        complete(changed(path, value))


def test_all_problems_come_in_one_message():
    config = small(log_config={"intervall": 3}, workflow=[("trian", 1)], seed="a", ema={"momentm": 1})
    with pytest.raises(UserError) as caught:
        complete(config)
    first, *rest = str(caught.value).splitlines()
    assert first == "4 problems"
    assert [line.split()[0].rstrip(":") for line in rest] == [
        "config.ema",
        "config.log_config",
        "config.workflow[0]",
        "config.seed",
    ]
    assert len(caught.value.problems) == 4


def test_what_the_run_saves_is_json():
    json.dumps(complete(small()))
