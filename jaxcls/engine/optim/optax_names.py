"""The optimisers of optax and optax.contrib by optax's names, with optax's arguments and defaults.

Some are there under PyTorch's name too, which has PyTorch's arguments: `AdamW` takes `betas`, `adamw` takes `b1`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache

import optax
import optax.contrib

# what a training step cannot drive, and why
UNFIT = {
    "dpsgd": "needs the gradient of each image",
    "galore": "keeps empty arrays, which no checkpoint takes",
    "lbfgs": "needs the loss as a function",
    "momo": "needs the loss",
    "momo_adam": "needs the loss",
    "noisy_sgd": "keeps a random key, which no checkpoint takes",
    "optimistic_adam": "is deprecated in favour of optimistic_adam_v2",
    "rprop": "takes the learning rate at its start alone",
    "schedule_free": "evaluates other weights than it trains",
    "schedule_free_adamw": "evaluates other weights than it trains",
    "schedule_free_sgd": "evaluates other weights than it trains",
    "sophia": "needs the loss as a function",
}


@cache
def optax_optimizers() -> dict[str, Callable[..., optax.GradientTransformation]]:
    """Every public function of optax that makes an optimiser of a `learning_rate`, but the `UNFIT`, by its name."""
    return {
        name: function
        for module in (optax.contrib, optax)
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and "learning_rate" in inspect.signature(function).parameters
        and not name.startswith(("_", "scale_by_"))
        and name not in UNFIT
    }
