"""Configs: recipes and saved ones, changed on the command line, checked and completed."""

from jaxcls.config.keys import complete
from jaxcls.config.overrides import Override, split
from jaxcls.config.recipe_file import load_recipe
from jaxcls.config.saved import load_config, save_config

__all__ = ["Override", "complete", "load_config", "load_recipe", "save_config", "split"]
