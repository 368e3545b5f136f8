"""AutoAugment and RandAugment: random choices among operations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxcls.arguments import argument_names, unknown_keys
from jaxcls.builder import build, lookup
from jaxcls.data.transforms.base import Sample
from jaxcls.data.transforms.operation import Operation
from jaxcls.data.transforms.policies import AUTO_AUGMENT, RAND_AUGMENT
from jaxcls.errors import UserError, close_names, refuse

Transform = Callable[[Sample, np.random.Generator], Sample]
Policy = Mapping[str, Any]
DEFAULT_HPARAMS = {"pad_val": 128}


class AutoAugment:
    """Applies one of several sequences of transforms (Cubuk et al., https://arxiv.org/abs/1805.09501).

    Args:
        policies: a name, `imagenet`, or a list of sequences, each a list of transforms' configs.
        hparams: arguments for all transforms that have them and do not set them.
    """

    def __init__(
        self, policies: str | Sequence[Sequence[Policy]], hparams: Mapping[str, Any] = DEFAULT_HPARAMS
    ) -> None:
        chosen = _named(policies, AUTO_AUGMENT)
        if not all(isinstance(sequence, list | tuple) and sequence for sequence in chosen):
            raise UserError(f"policies={policies!r}: expected a list of lists of transforms' configs, none empty")
        _check_hparams(hparams)
        self.sequences = [
            [_build(policy, hparams, f"policies[{i}][{j}]") for j, policy in enumerate(sequence)]
            for i, sequence in enumerate(chosen)
        ]

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The sample with the image transformed."""
        for transform in self.sequences[rng.integers(len(self.sequences))]:
            sample = transform(sample, rng)
        return sample


class RandAugment:
    """Applies `num_policies` transforms, drawn with repetition (Cubuk et al., https://arxiv.org/abs/1909.13719).

    Args:
        policies: a name, `timm_increasing`, or a list of transforms' configs. One with `magnitude_range=(a, b)` gets
            the magnitude a + (b - a) * level / total_level, in the argument `magnitude_key`, by default the one that
            the operation grows stronger with.
        num_policies: how many to apply, 1 or more.
        magnitude_level: the level, 0 or more.
        magnitude_std: above 0: the level is drawn anew each time, from a normal distribution about `magnitude_level`,
            cut to 0..total_level. `inf`: uniformly from 0..magnitude_level. Else it stays.
        total_level: the level of the magnitude b, above 0.
        hparams: arguments for all transforms that have them and do not set them.
    """

    def __init__(
        self,
        policies: str | Sequence[Policy],
        num_policies: int,
        magnitude_level: float,
        magnitude_std: float | str = 0.0,
        total_level: float = 30,
        hparams: Mapping[str, Any] = DEFAULT_HPARAMS,
    ) -> None:
        if not (isinstance(num_policies, int) and num_policies > 0):
            raise UserError(f"num_policies={num_policies!r}: expected 1 or more")
        if not (magnitude_level >= 0 and total_level > 0):
            raise UserError(
                f"magnitude_level={magnitude_level!r}, total_level={total_level!r}: expected 0 or more, above 0"
            )
        if isinstance(magnitude_std, str) and magnitude_std != "inf":
            raise UserError(f"magnitude_std={magnitude_std!r}: expected a number or 'inf'")
        _check_hparams(hparams)
        self.num_policies, self.level, self.std, self.total_level = (
            num_policies,
            magnitude_level,
            magnitude_std,
            total_level,
        )
        self.choices = [
            _Choice.build(policy, hparams, f"policies[{i}]", max(magnitude_level / total_level, 1))
            for i, policy in enumerate(_named(policies, RAND_AUGMENT))
        ]

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The sample with the image transformed."""
        for index in rng.integers(len(self.choices), size=self.num_policies):
            sample = self.choices[index].at(self._draw_level(rng) / self.total_level)(sample, rng)
        return sample

    def _draw_level(self, rng: np.random.Generator) -> float:
        if isinstance(self.std, str):
            return rng.uniform(0, self.level)
        if self.std > 0:
            return min(max(rng.normal(self.level, self.std), 0), self.total_level)
        return self.level


@dataclasses.dataclass(frozen=True)
class _Choice:
    """A transform, and where it has a range the argument that the level sets."""

    transform: Any
    key: str | None = None
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def build(cls, policy: Policy, hparams: Mapping[str, Any], where: str, largest: float) -> _Choice:
        """`largest`: the highest level, as a share of the total one; both ends are tried, to find mistakes early."""
        arguments = dict(policy) if isinstance(policy, Mapping) else {}
        key, ends = arguments.pop("magnitude_key", None), arguments.pop("magnitude_range", None)
        if ends is None:
            if key is not None:
                raise UserError(f"{where}: {policy!r} has a magnitude_key, but no magnitude_range")
            return cls(_build(arguments or policy, hparams, where))
        if not (isinstance(ends, list | tuple) and len(ends) == 2):
            raise UserError(f"{where}: magnitude_range={ends!r}: expected two numbers")
        key = key or getattr(_class(arguments, where), "magnitude_key", None)
        if key is None:
            raise UserError(f"{where}: {arguments['type']} has no magnitude; remove magnitude_range")
        low, high = ends
        _build({**arguments, key: low + (high - low) * largest}, hparams, where)
        return cls(_build({**arguments, key: low}, hparams, where), key, low, high)

    def at(self, share: float) -> Transform:
        if self.key is None:
            return self.transform
        return dataclasses.replace(self.transform, **{self.key: self.low + (self.high - self.low) * share})


def _named(policies: Any, table: Mapping[str, Any]) -> Sequence[Any]:
    if isinstance(policies, str):
        if policies not in table:
            raise UserError(f"policies={policies!r}: {close_names(policies, table)}, or a list")
        return table[policies]
    if not isinstance(policies, list | tuple) or not policies:
        raise UserError(f"policies={policies!r}: expected a name or a list that is not empty")
    return policies


def _class(policy: Policy, where: str) -> Any:
    from jaxcls.data import transforms  # this module is part of that package

    if not isinstance(policy, Mapping) or "type" not in policy:
        raise UserError(f"{where}: expected a dict with a 'type', got {policy!r}")
    return lookup(policy["type"], transforms, where)


def _build(policy: Policy, hparams: Mapping[str, Any], where: str) -> Any:
    from jaxcls.data import transforms

    allowed = argument_names(_class(policy, where)) or set()
    defaults = {key: value for key, value in hparams.items() if key in allowed and policy.get(key) is None}
    return build({**policy, **defaults}, transforms, where)


def _check_hparams(hparams: Mapping[str, Any]) -> None:
    from jaxcls.data import transforms

    known = {field.name for name in transforms.__all__ for field in _operation_fields(getattr(transforms, name))}
    refuse(unknown_keys(hparams, known, "hparams"))


def _operation_fields(cls: Any) -> Sequence[Any]:
    return dataclasses.fields(cls) if issubclass(cls, Operation) else ()
