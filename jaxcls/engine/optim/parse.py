"""An optimizer config, its names and numbers checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any, NamedTuple

import optax

from jaxcls.arguments import fits, in_words, is_one_of, unknown_keys, wrong_types
from jaxcls.builder import lookup, plain
from jaxcls.engine.optim import optimizers
from jaxcls.engine.optim.optax_names import UNFIT, optax_optimizers
from jaxcls.engine.optim.optimizers import MAX_GRAD_NORM, OPTIMIZERS
from jaxcls.engine.optim.paramwise import WHERE, decay_rules, multipliers
from jaxcls.engine.optim.ranges import BELOW_ONE, NON_NEGATIVE, NUMBER, POSITIVE, Range, require
from jaxcls.errors import UserError, close_names, refuse

MOMENTA = ("momentum", "betas", "b1", "beta")  # what the momentum is called, the first that an optimiser has
DECAYS = ("weight_decay", "weight_decay_rate")
_NOT_OF_A_CONFIG = {"learning_rate", "mask", "weight_decay_mask"}  # `lr` and `paramwise_cfg` give them
_RANGES: dict[str, Range] = {
    **dict.fromkeys(("momentum", "betas", "b1", "b2", "b3", "beta"), BELOW_ONE),
    **dict.fromkeys((*DECAYS, "eps", "adam_eps", "dampening", "max_grad_norm"), NON_NEGATIVE),
}


class Recipe(NamedTuple):
    """What an optimizer config says.

    Attributes:
        kind: `type`.
        make: what it names, a function of `learning_rate` and its arguments.
        arguments: those that are given, `max_grad_norm` apart.
        max_grad_norm: to which the norm of all gradients is cut, where the optimiser itself does that; None or 0: not.
        lr: the learning rate.
        paramwise: `paramwise_cfg`.
    """

    kind: str
    make: Callable[..., optax.GradientTransformation]
    arguments: dict[str, Any]
    max_grad_norm: float | None
    lr: float
    paramwise: dict[str, Any]

    def value(self, name: str) -> Any:
        """An argument, given or by default."""
        return self.arguments.get(name, _defaults(self.make)[name])

    @property
    def argument_names(self) -> Iterable[str]:
        """What the optimiser takes."""
        return _defaults(self.make)

    @property
    def momentum_name(self) -> str:
        """The argument that is the momentum or holds it.

        Raises:
            UserError: there is none.
        """
        found = next((name for name in MOMENTA if name in _defaults(self.make)), None)
        if found is None:
            raise UserError(f"momentum_config: {self.kind} has no momentum")
        return found


def parse(optimizer: Mapping[str, Any]) -> Recipe:
    """The recipe in an optimizer config.

    Raises:
        UserError: an unknown type, argument or `paramwise_cfg` rule, a value out of its range, no `lr`, or a factor of
            a weight decay that is not given.
    """
    config = plain(optimizer)
    if not isinstance(config, dict):
        hint = "; optimizer.type changes the type alone" if isinstance(config, str) else ""
        raise UserError(f"optimizer: {config!r}; expected a dict with a 'type'{hint}")
    kind, paramwise = config.pop("type", None), config.pop("paramwise_cfg", None) or {}
    make = _lookup(kind)
    if not isinstance(paramwise, dict):
        raise UserError(f"{WHERE}: {paramwise!r}; expected a dict")
    if "lr" not in config:
        raise UserError(f"optimizer: {kind} needs 'lr'")
    lr = require("optimizer.lr", config.pop("lr"), POSITIVE)
    defaults = _defaults(make)
    own = set(defaults) - _NOT_OF_A_CONFIG | ({"max_grad_norm"} if kind in MAX_GRAD_NORM else set())
    unknown = unknown_keys(config, own | {"type", "lr", "paramwise_cfg"}, "optimizer", kind)
    refuse(unknown + unknown_keys(paramwise, set(_defaults(multipliers)) - {"params", "layout"}, WHERE))
    refuse(wrong_types(multipliers, _given(paramwise), WHERE))
    for name, value in _given(config).items():
        _check_value(name, value, None if ":" in kind else defaults.get(name))
    max_grad_norm = config.pop("max_grad_norm", MAX_GRAD_NORM.get(kind))  # None: not
    config = _given(config)
    if "others" in config:
        config["others"] = _others(config["others"], lr)
    recipe = Recipe(kind, make, config, max_grad_norm, lr, _given(paramwise))
    _check_decay_rules(recipe)
    return recipe


def _others(config: Any, lr: float) -> Callable[[Any, float], optax.GradientTransformation]:
    """What optimises the rest beside an optimiser of the rate `lr`: (its rate now, weight decay) -> transformation."""
    where = "optimizer.others"
    try:
        recipe = parse({"lr": lr, **config} if isinstance(config, Mapping) else config)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    names = {*(name for name in DECAYS if name in recipe.arguments), *(["paramwise_cfg"] if recipe.paramwise else [])}
    if recipe.max_grad_norm:
        names.add("max_grad_norm")
    if names:
        raise UserError(f"{where}: {', '.join(sorted(names))} cannot stand here; what stands in optimizer is for all")
    decay = next((name for name in DECAYS if name in recipe.argument_names), None)

    def make(learning_rate: Any, weight_decay: float) -> optax.GradientTransformation:
        decays = {decay: weight_decay} if decay else {}
        return recipe.make(learning_rate * (recipe.lr / lr), **recipe.arguments, **decays)

    return make


def base_momentum(optimizer: Mapping[str, Any]) -> float:
    """The momentum (of Adam and its kin: the first beta) of an optimizer config, what a schedule of it begins with.

    Raises:
        UserError: as `parse`, or the optimiser has no momentum.
    """
    recipe = parse(optimizer)
    value = recipe.value(recipe.momentum_name)
    return float((value[0] if isinstance(value, tuple) else value) or 0.0)


def has_momentum(optimizer: Mapping[str, Any]) -> bool:
    """Whether the optimiser of a config has a momentum, or a first beta.

    Raises:
        UserError: as `parse`.
    """
    return any(name in _defaults(parse(optimizer).make) for name in MOMENTA)


def _lookup(kind: Any) -> Callable[..., optax.GradientTransformation]:
    if isinstance(kind, str) and ":" in kind:
        return _own(lookup(kind, optimizers, "optimizer.type"), kind)
    if is_one_of(kind, UNFIT):
        raise UserError(f"optimizer.type: {kind!r} cannot be used: it {UNFIT[kind]}")
    known = {**OPTIMIZERS, **optax_optimizers()}
    if not is_one_of(kind, known):
        raise UserError(f"optimizer.type: {kind!r}; {close_names(str(kind), known)}")
    return known[kind]


def _own(make: Any, kind: str) -> Callable[..., optax.GradientTransformation]:
    if not callable(make) or "learning_rate" not in _defaults(make):
        raise UserError(f"optimizer.type: {kind!r}: expected a function of learning_rate that makes an optax one")
    return make


def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in arguments.items() if value is not None}


def _check_value(name: str, value: Any, default: Any) -> None:
    """Refuses what is of another kind than the default, or out of the argument's range."""
    where = f"optimizer.{name}"
    if isinstance(default, tuple) and default:
        if not isinstance(value, tuple) or len(value) != len(default):
            kinds = "numbers" if all(isinstance(kind, Real) for kind in default) else f"values such as {default!r}"
            raise UserError(f"{where}: expected {len(default)} {kinds}, got {value!r}")
        for part, kind in zip(value, default, strict=True):
            _check_value(name, part, kind)
    elif isinstance(default, bool | str):
        if not fits(value, type(default)):
            raise UserError(f"{where}: expected {in_words(type(default))}, got {value!r}")
    elif isinstance(default, Real) or name in _RANGES:
        require(where, value, _RANGES.get(name, NUMBER))


def _check_decay_rules(recipe: Recipe) -> None:
    """A factor needs something to multiply, which MMCV wants to see in the config too."""
    rules = decay_rules(recipe.paramwise)
    if rules and not any(recipe.arguments.get(name) is not None for name in DECAYS):
        has = next((name for name in DECAYS if name in _defaults(recipe.make)), None)
        need = f"needs optimizer.{has}" if has else f"{recipe.kind} has no weight decay"
        raise UserError(f"{WHERE}.{rules[0]}: {need}")
