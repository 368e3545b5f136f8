"""A whole config in the original's language, small, for tests to change."""

BASE = """
image_size = 32
dataset_type = 'CustomDataset'
norm = dict(mean=[120, 110, 100], std=[60, 50, 40], to_rgb=True)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', size=image_size),
    dict(type='Normalize', **norm),
    dict(type='ImageToTensor', keys=['img']),
    dict(type='ToTensor', keys=['gt_label']),
    dict(type='Collect', keys=['img', 'gt_label']),
]
data = dict(
    samples_per_gpu=32,
    workers_per_gpu=2,
    train=dict(type=dataset_type, data_prefix='a', pipeline=train_pipeline),
    val=dict(type=dataset_type, data_prefix='b', pipeline=train_pipeline),
    test=dict(type=dataset_type, data_prefix='b', pipeline=train_pipeline))
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet_CIFAR', depth=18),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=512, loss=dict(type='CrossEntropyLoss')))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy='step', step=[100, 150])
runner = dict(type='EpochBasedRunner', max_epochs=200)
log_config = dict(interval=100, hooks=[dict(type='TextLoggerHook')])
checkpoint_config = dict(interval=1)
dist_params = dict(backend='nccl')
log_level = 'INFO'
load_from = None
resume_from = None
workflow = [('train', 1)]
"""


def write(folder, more="", name="resnet18_8xb32_mine"):
    """The file, which inherits from the whole config and changes it."""
    (folder / "_base_.py").write_text(BASE)
    path = folder / f"{name}.py"
    path.write_text(f"_base_ = ['_base_.py']\n{more}\n")
    return path
