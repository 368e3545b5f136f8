import inspect

import optax
import optax.contrib

from jaxcls.engine.optim.optax_names import UNFIT, optax_optimizers
from jaxcls.engine.optim.optimizers import OPTIMIZERS


def test_every_optimiser_of_optax_is_offered_or_refused_with_a_reason():
    made = {
        name
        for module in (optax, optax.contrib)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if "learning_rate" in inspect.signature(function).parameters and not name.startswith(("_", "scale_by_"))
    }
    offered = set(optax_optimizers())
    assert made == offered | set(UNFIT)
    assert not offered & (set(UNFIT) | set(OPTIMIZERS))
    assert {"adabelief", "adafactor", "adamw", "lars", "prodigy", "radam"} <= offered
