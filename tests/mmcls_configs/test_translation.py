"""What each key of an original config becomes."""

from __future__ import annotations

import logging

import jax
import pytest

import jaxcls
from jaxcls.builder import plain
from jaxcls.errors import UserError
from tests.mmcls_configs.original_config import write


@pytest.fixture
def load(tmp_path, caplog):
    """(text that changes the base, the file's name) -> our config and what the log said."""
    caplog.set_level(logging.INFO)

    def load(more="", name="resnet18_8xb32_mine"):
        config = plain(jaxcls.load_mmcls_config(write(tmp_path, more, name)))
        return config, caplog.text

    return load


PIPELINE = "data = dict(train=dict(pipeline=[dict(type='LoadImageFromFile'), {}, dict(type='Normalize', {})]))"
NORMALIZE = "mean=[1, 2, 3], std=[1, 2, 3]"
FIRST = "data.train.pipeline.1"
CIFAR = (
    "data = dict({}=dict(_delete_=True, type='CIFAR10', data_prefix='c', pipeline=[{}, dict(type='Normalize', {})]))"
)


def piped(step, normalize=f"{NORMALIZE}, to_rgb=True"):
    return PIPELINE.format(step, normalize)


# what is written -> place in our config: what stands there; ABSENT: nothing
ABSENT = object()
KEYS = {
    "": {
        "data.batch_size": 256,
        "data.num_workers": 16,
        "data.train.pipeline.2": {"type": "Normalize", "mean": (120, 110, 100), "std": (60, 50, 40), "to_rgb": True},
        "data.train.pipeline.3": ABSENT,
        "optimizer_config": ABSENT,
        "dist_params": ABSENT,
        "image_size": ABSENT,
    },
    "data = dict(drop_last=True, persistent_workers=False)": {
        "data.drop_last": True,
        "data.persistent_workers": ABSENT,
    },
    "data = dict(train_dataloader=dict(samples_per_gpu=4, drop_last=True), val_dataloader=dict(samples_per_gpu=1))": {
        "data.batch_size": 32,
        "data.drop_last": True,
        "data.val_dataloader": ABSENT,
    },
    "data = dict(workers_per_gpu=0)": {"data.num_workers": 1},
    "sampler = dict(type='RepeatAugSampler', num_repeats=2)": {
        "data.sampler": {"type": "RepeatAugSampler", "num_repeats": 2}
    },
    "sampler = dict(type='DistributedSampler', round_up=True)": {"data.sampler": ABSENT},
    "data = dict(train=dict(_delete_=True, type='RepeatDataset', times=2, dataset=dict(type='CustomDataset', "
    "data_prefix='a', pipeline=[dict(type='Collect', keys=[])])))": {"data.train.dataset.pipeline": ()},
    "data = dict(val=[dict(type='CUB', data_prefix='a', ann_file='b', image_class_labels_file='c', "
    "train_test_split_file='d')])": {"data.val.0.test_mode": True},
    "data = dict(val=dict(_delete_=True, type='KFoldDataset', num_splits=5, "
    "dataset=dict(type='MNIST', data_prefix='a')))": {
        "data.val.test_mode": True,
        "data.val.dataset": {"type": "MNIST", "data_prefix": "a"},
    },
    CIFAR.format("test", "dict(type='RandomCrop', size=32, padding=4, pad_val=9)", f"{NORMALIZE}, to_rgb=False"): {
        "data.test.test_mode": True,
        "data.test.pipeline.0.pad_val": (9, 0, 0),
        "data.test.pipeline.1.to_rgb": False,
    },
    CIFAR.format("train", "dict(type='Pad', size=40, pad_val=(1, 2, 3))", NORMALIZE): {
        "data.train.test_mode": ABSENT,
        "data.train.pipeline.0.pad_val": (1, 2, 3),
    },
    piped("dict(type='RandomErasing', fill_color=[3, 2, 1], fill_std=[6, 5, 4])"): {
        FIRST: {"type": "RandomErasing", "fill_color": (1, 2, 3), "fill_std": (4, 5, 6)}
    },
    piped("dict(type='RandomErasing', fill_color=7)"): {FIRST: {"type": "RandomErasing", "fill_color": 7}},
    piped(
        "dict(type='AutoAugment', policies=[[dict(type='Cutout', shape=3, pad_val=[3, 2, 1])]], "
        "hparams=dict(pad_val=(3, 2, 1)))"
    ): {
        f"{FIRST}.policies.0.0.pad_val": (1, 2, 3),
        f"{FIRST}.hparams.pad_val": (1, 2, 3),
    },
    piped("dict(type='Lighting', eigval=[1], eigvec=[[1], [2], [3]])"): {f"{FIRST}.eigvec": ((1,), (2,), (3,))},
    piped("dict(type='Lighting', eigval=[1], eigvec=[[1], [2], [3]], to_rgb=False)"): {
        f"{FIRST}.eigvec": ((3,), (2,), (1,))
    },
    piped("dict(type='Lighting', eigval=[1], eigvec=[[1], [2], [3]]), dict(type='Pad', size=9, pad_val=(1, 2, 3))"): {
        "data.train.pipeline.2.pad_val": (1, 2, 3)
    },
    piped("dict(type='Compose', transforms=[dict(type='Resize', size=3), dict(type='ToHalf', keys=['img'])])"): {
        FIRST: {"type": "Resize", "size": 3},
        "data.train.pipeline.2.type": "Normalize",
    },
    "optimizer = dict(type='AdamW', paramwise_cfg=dict(norm_decay_mult=0., _delete=True, "
    "custom_keys={'.cls_token': dict(decay_mult=0.)}), _delete_=True, lr=1e-3, weight_decay=0.05)": {
        "optimizer.paramwise_cfg": {"norm_decay_mult": 0.0, "custom_keys": {".cls_token": {"decay_mult": 0.0}}}
    },
    "optimizer = dict(constructor='DefaultOptimizerConstructor', paramwise_cfg=None)": {
        "optimizer.constructor": ABSENT,
        "optimizer.paramwise_cfg": ABSENT,
    },
    "optimizer_config = dict(_delete_=True, grad_clip=dict(max_norm=5.), type='DistOptimizerHook', coalesce=True)": {
        "optimizer_config": {"grad_clip": {"max_norm": 5.0}}
    },
    "optimizer_config = dict(type='GradientCumulativeOptimizerHook', cumulative_iters=4)": {
        "optimizer_config": {"cumulative_iters": 4}
    },
    "fp16 = dict(loss_scale=512.)": {"precision": {"type": "float16", "loss_scale": 512.0}},
    "fp16 = dict(loss_scale='dynamic')": {"precision": "float16"},
    "optimizer_config = dict(type='Fp16OptimizerHook', loss_scale=dict(init_scale=16.))": {
        "precision": {"type": "float16", "loss_scale": {"init_scale": 16.0}},
        "optimizer_config": ABSENT,
    },
    "lr_config = dict(_delete_=True, type='CosineAnnealingLrUpdaterHook', min_lr=0)": {
        "lr_config": {"policy": "CosineAnnealing", "min_lr": 0}
    },
    "momentum_config = dict(type='CosineAnnealingMomentumUpdaterHook', min_momentum=0.1)": {
        "momentum_config": {"policy": "CosineAnnealing", "min_momentum": 0.1}
    },
    "lr_config = None": {"lr_config": ABSENT},
    "runner = dict(_delete_=True, type='IPUIterBasedRunner', max_iters=9, options_cfg=dict())": {
        "runner": {"type": "IterBasedRunner", "max_iters": 9}
    },
    "runner = None\ntotal_epochs = 7": {"runner": {"type": "EpochBasedRunner", "max_epochs": 7}},
    "evaluation = dict(interval=2, metric='accuracy', metric_options=dict(topk=(1,)), gpu_collect=True)": {
        "evaluation": {"interval": 2, "metric": "accuracy", "metric_options": {"topk": (1,)}}
    },
    "checkpoint_config = dict(_delete_=True, max_keep_ckpts=3, save_optimizer=False)": {
        "checkpoint_config": {"interval": -1, "max_keep_ckpts": 3}
    },
    "log_config = dict(hooks=[dict(type='TextLoggerHook', interval_exp_name=9), dict(type='TensorboardLoggerHook')])": {
        "log_config": {"interval": 100, "hooks": ({"type": "TextLoggerHook"}, {"type": "TensorboardLoggerHook"})}
    },
    "custom_hooks = [dict(type='EMAHook', momentum=4e-5, priority='ABOVE_NORMAL')]": {
        "ema": {"momentum": 4e-5},
        "custom_hooks": ABSENT,
    },
    "custom_hooks = [dict(type='EmptyCacheHook'), dict(type='PreciseBNHook', num_samples=64, priority=40)]": {
        "custom_hooks": ({"type": "PreciseBNHook", "num_samples": 64, "priority": 40},)
    },
    "model = dict(type='mmcls.ImageClassifier', head=dict(type='mmcls.LinearClsHead'))": {
        "model.type": "ImageClassifier",
        "model.head.type": "LinearClsHead",
    },
    "seed = 3\nwork_dir = 'x'\nload_from = 'y.pth'\nresume_from = 'z'\nworkflow = [('train', 1), ('val', 1)]": {
        "seed": 3,
        "work_dir": "x",
        "load_from": "y.pth",
        "resume_from": "z",
        "workflow": (("train", 1), ("val", 1)),
    },
}


def at(node, path):
    for step in path.split("."):
        try:
            node = node[int(step) if step.isdigit() else step]
        except (KeyError, IndexError):
            return ABSENT
    return node


@pytest.mark.parametrize("more", KEYS)
def test_keys(more, load):
    config, _ = load(more)
    assert {path: at(config, path) for path in KEYS[more]} == KEYS[more]


SAID = {
    "": ["of no effect here: dist_params, log_level"],
    "data = dict(samples_per_gpu=16)": ["samples_per_gpu is 16, but the file's name says 32"],
    "norm = dict(mean=[0, 0, 0])": ["norm has no effect, as in the original: only _base_.py reads it"],
    "note = 1": ["without effect, as in the original: note; neither keys of a config nor read by it"],
    "paramwise_cfg = dict(norm_decay_mult=0.)": ["paramwise_cfg at the top level has no effect, as in the original"],
    "optimizer = dict(paramwise_cfg=dict(_delete=True))": ["optimizer.paramwise_cfg._delete is no _delete_"],
    "data = dict(val_dataloader=dict(samples_per_gpu=1), pin_memory=True)": [
        "data.pin_memory",
        "data.val_dataloader (",
    ],
    "custom_hooks = [dict(type='EmptyCacheHook')]": ["EmptyCacheHook (JAX keeps its memory for the whole run)"],
    "_deprecation_ = dict(expected='new_8xb16.py')": ["resnet18_8xb32_mine.py is an old name of new_8xb16.py"],
    piped("dict(type='RandomFlip')").replace(
        "'LoadImageFromFile'", "'LoadImageFromFile', file_client_args=dict(backend='s3')"
    ): ["data.train.pipeline: images are read from the disk, not by backend='s3'"],
    CIFAR.format("train", "dict(type='RandomGrayscale')", NORMALIZE): ["the original takes CIFAR10's RGB for BGR"],
}


@pytest.mark.parametrize("more", SAID)
def test_what_the_log_says(more, load):
    _, log = load(more)
    assert [text for text in SAID[more] if text not in log] == []


BATCHES = {
    "resnet18_8xb32_mine": (256, "samples_per_gpu=32 x 8 GPUs of '8xb32' in the name"),
    "vit_pt-64xb32-more_in1k-224": (2048, "64 GPUs of '64xb32'"),
    "swin_tiny_224_b16x32_300e": (512, "16 GPUs of 'b16x32'"),
    "resnet_b32x64_imagenet": (2048, "64 GPUs of 'b32x64'"),
    "resnext50_32x4d_mine": (32 * 8, "x 8: the file's name has no number of GPUs, and 8 devices are at hand"),
}


@pytest.mark.parametrize("name", BATCHES)
def test_the_batch(name, load):
    assert jax.device_count() == 8
    config, log = load(name=name)
    assert config["data"]["batch_size"] == BATCHES[name][0]
    assert BATCHES[name][1] in log


def test_an_old_name_has_the_batch_of_the_new_one(tmp_path):
    write(tmp_path)
    (tmp_path / "old.py").write_text("_base_ = 'resnet18_8xb32_mine.py'\n_deprecation_ = dict(expected='new.py')")
    (tmp_path / "child.py").write_text("_base_ = 'resnet18_8xb32_mine.py'\ndata = dict(samples_per_gpu=1)")
    assert jaxcls.load_mmcls_config(tmp_path / "old.py").data.batch_size == 256
    assert jaxcls.load_mmcls_config(tmp_path / "child.py").data.batch_size == jax.device_count()


def test_all_that_is_left_is_in_one_message(load):
    more = """
optimzer = dict(lr=1)
model = dict(backbone=dict(dept=18), nek=None)
data = dict(samples_per_gpu=0, train=dict(type='CustomDatset'), train_dataloader=dict(shufle=True), shuffle=False)
data['worker_per_gpu'] = data['batch_size'] = 4
custom_hooks = [dict(type='StepLrUpdaterHook'), dict(type='EMAHok'), dict(type='EMAHook'), dict(type='EMAHook')]
lr_config = dict(policy='stp')
fp16 = dict(los_scale=1.)
evaluation = dict(intervall=1)
"""
    with pytest.raises(UserError) as caught:
        load(more)
    expected = (
        "'optimzer' is no key of a config, and nothing reads it; did you mean 'optimizer'",
        "config.model.backbone: ResNet_CIFAR has no argument 'dept'; did you mean 'depth'",
        "config.model: ImageClassifier has no argument 'nek'; did you mean 'neck'",
        "data.samples_per_gpu: 0; expected a whole number from 1",
        "config.data.train.type: 'CustomDatset' is not in jaxcls.data.sources; did you mean 'CustomDataset'",
        "data.train_dataloader has no key 'shufle'; did you mean 'shuffle'",
        "data.shuffle: False; training data is shuffled in every epoch here",
        "custom_hooks[0]: StepLrUpdaterHook is part of the step; it belongs in lr_config",
        "custom_hooks[3]: a second EMAHook; expected one",
        "custom_hooks[1].type: 'EMAHok' is no hook; did you mean 'EMAHook'?",
        "data has no key 'worker_per_gpu'; did you mean 'workers_per_gpu'",
        "data has no key 'batch_size'; Allowed: ",
        "config.lr_config: policy: 'stp' is unknown; did you mean 'step'",
        "fp16 has no key 'los_scale'; expected loss_scale",
        "config.evaluation: EvalHook has no argument 'intervall'; did you mean 'interval'",
    )
    assert [text for text in expected if text not in str(caught.value)] == []
    assert "resnet18_8xb32_mine.py: 15 problems\n" in str(caught.value)


def test_a_file_of_mmpretrain(tmp_path):
    """Its parts, too, may lie in a base."""
    (tmp_path / "schedule.py").write_text("optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))")
    path = tmp_path / "resnet18.py"
    path.write_text("_base_ = 'schedule.py'\nmodel = dict()\ntrain_dataloader = dict(batch_size=8)")
    said = r"resnet18\.py is .* MMPretrain 1\.x .* with optim_wrapper, train_dataloader; expected one of .* 0\.x"
    with pytest.raises(UserError, match=said):
        jaxcls.load_mmcls_config(path)


def test_a_file_in_mmengines_python(tmp_path):
    path = tmp_path / "resnet18.py"
    path.write_text("from mmengine.config import read_base\nwith read_base():\n    from .base import *")
    with pytest.raises(UserError, match=r"resnet18\.py, line 1 .*'mmengine'; that is MMEngine's kind .* 0\.x$"):
        jaxcls.load_mmcls_config(path)


def test_classes_of_ones_own(tmp_path, load):
    (tmp_path / "my_mmcls_parts.py").write_text(
        "from jaxcls.engine.hooks import Hook, EvalHook\n\n\nclass MyHook(Hook):\n    pass\n"
    )
    hooks = "custom_hooks = [dict(type='MyHook'), dict(type='CheckInvalidLossHook')]"
    config, _ = load(f"custom_imports = dict(imports=['my_mmcls_parts'], allow_failed_imports=False)\n{hooks}")
    assert [hook["type"] for hook in config["custom_hooks"]] == ["my_mmcls_parts:MyHook", "CheckInvalidLossHook"]


@pytest.mark.parametrize("imports", ["['nothing_of_that_name']", "'nothing_of_that_name'"])
def test_imports_that_fail(imports, load):
    with pytest.raises(UserError, match="custom_imports: 'nothing_of_that_name' cannot be imported"):
        load(f"custom_imports = dict(imports={imports})")
    _, log = load(f"custom_imports = dict(imports={imports}, allow_failed_imports=True)")
    assert "'nothing_of_that_name' cannot be imported" in log


def test_what_is_written_for_pytorch(tmp_path, load):
    (tmp_path / "of_pytorch.py").write_text("from mmcls.no_such.builder import BACKBONES\n")
    with pytest.raises(UserError, match=r"of_pytorch.*docs/extending\.md shows"):
        load("custom_imports = dict(imports=['of_pytorch'])")
