"""The digits recipe with a network of one stage, for tests: `--config=tests/recipe.py`."""

from ml_collections import ConfigDict

from configs import resnet


def get_config() -> ConfigDict:
    config = resnet.get_config()
    config.model.backbone.update(num_stages=1, out_indices=(0,))
    config.model.head.in_channels = 16
    config.optimizer.lr = 0.02
    config.lr_config = {"policy": "fixed"}
    config.runner.max_epochs = 3
    return config
