"""A random search over settings by successive halving (Jamieson & Talwalkar 2016, arXiv:1502.07943)."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jaxcls.builder import as_json, plain
from jaxcls.config import Override, complete
from jaxcls.config.overrides import changed
from jaxcls.engine.hooks import EvalHook
from jaxcls.errors import UserError, close_names
from jaxcls.inspect.folds import fold_of
from jaxcls.inspect.logs import Log
from jaxcls.inspect.trainings import train_quietly
from jaxcls.metrics import Number

Draw = Callable[[np.random.Generator], Override | None]  # None: as the config has it
_FACTOR = 10.0  # rate and decay are looked for between a tenth and ten times the config's
_DECAY = 1e-4  # about which decay is looked for where the config has none
_MIXTURES = (
    "None",
    "{'augments': [{'type': 'BatchMixup', 'alpha': 0.2}]}",
    "{'augments': [{'type': 'BatchCutMix', 'alpha': 1.0}]}",
)
_COUNTS = ("step", "periods", "warmup_iters")  # of a schedule, in what the training's length is counted, or iterations


@dataclass
class Trial:
    """Settings to try.

    Attributes:
        index: from 0, which is the config as it is.
        changes: of the config.
        scores: one a rung, of the parts of the training data that are left out.
        error: why it ended, where it failed.
    """

    index: int
    changes: tuple[Override, ...]
    scores: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def flags(self) -> str:
        """The changes as a command line has them."""
        return " ".join(f"--config.{change.path}={_quoted(change.text)}" for change in self.changes)


def _quoted(text: str) -> str:
    return f'"{text}"' if re.search(r"[\s'\[{]", text) else text


def between(path: str, low: float, high: float) -> Draw:
    """Numbers between two, evenly spread on a logarithmic scale, to three digits."""
    if not 0 < low <= high:
        raise UserError(f"--search: {path}={low}..{high}; expected 0 < LOW <= HIGH")
    return lambda rng: Override(path, f"{math.exp(rng.uniform(math.log(low), math.log(high))):.3g}")


def one_of(path: str, texts: Sequence[str | None]) -> Draw:
    """One of several values, each as likely; None: as the config has it."""

    def draw(rng: np.random.Generator) -> Override | None:
        text = texts[int(rng.integers(len(texts)))]
        return None if text is None else Override(path, text)

    return draw


def parsed(text: str) -> Draw:
    """`optimizer.lr=1e-3..1e-1` or `seed=[0, 1, 2]`.

    Raises:
        UserError: it is written otherwise.
    """
    path, equals, values = text.partition("=")
    low, dots, high = values.partition("..")
    try:
        if equals and dots:
            return between(path, float(low), float(high))
        choices = ast.literal_eval(values)
    except (ValueError, SyntaxError):
        choices = ()
    if not equals or not isinstance(choices, list) or not choices:
        raise UserError(f"--search: {text!r}; expected KEY=LOW..HIGH or KEY=[VALUE, VALUE, ...]")
    return one_of(path, [choice if isinstance(choice, str) else repr(choice) for choice in choices])


def usual(config: Mapping[str, Any]) -> list[Draw]:
    """Rate and weight decay about those of the config, and its own mixing of images, none, Mixup or CutMix."""
    optimizer, mixture = config["optimizer"], config["model"].get("train_cfg")
    rate, decay = optimizer["lr"], optimizer.get("weight_decay") or _DECAY
    mixtures = [None, *(_MIXTURES if mixture else _MIXTURES[1:])]
    return [
        between("optimizer.lr", rate / _FACTOR, rate * _FACTOR),
        between("optimizer.weight_decay", decay / _FACTOR, decay * _FACTOR),
        one_of("model.train_cfg", mixtures),
    ]


class Tuning:
    """The search.

    Attributes:
        trials: the first is the config as it is.
        rungs: for each rung (how many trials, how long each trains, in what the config counts).
        number: what the trials are compared by; None before the first has been evaluated.

    Args:
        config: what a `get_config` gives.
        workdir: a folder for the runs; what was done before in it is not done again.
        draws: what is tried; empty: `usual`.
        count: how many trials.
        eta: of each rung 1 / eta goes on, and trains eta times as long.
        length: of the last rung; None: the config's.
        num_splits: one of so many parts of the training data is left out, to compare by.
        monitor: the number to compare by; None: the first one of the evaluation.

    Raises:
        UserError: a mistake in the config or the arguments, or changes that cannot be.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        workdir: Path,
        draws: Sequence[Draw] = (),
        count: int = 9,
        eta: int = 3,
        length: int | None = None,
        num_splits: int = 5,
        monitor: str | None = None,
    ) -> None:
        if eta < 2:
            raise UserError(f"--eta: {eta}; expected 2 or more")
        self._config = fold_of(config, 0, num_splits)
        self._workdir, self._monitor = workdir, monitor
        self.number: Number | None = None
        self._key = next(key for key in ("max_epochs", "max_iters") if key in self._config["runner"])
        rng = np.random.default_rng(self._config["seed"])
        chosen = list(draws) or usual(self._config)
        drawn = [tuple(change for draw in chosen if (change := draw(rng))) for _ in range(count - 1)]
        self.trials = [Trial(index, changes) for index, changes in enumerate([(), *drawn])]
        self.rungs = _rungs(count, eta, length or self._config["runner"][self._key])
        for trial in self.trials:
            complete(self._changed(trial, self.rungs[0][1]))

    def _changed(self, trial: Trial, length: int) -> dict[str, Any]:
        config = plain(changed(as_json(self._config), trial.changes))
        share = length / config["runner"][self._key]
        schedule = {k: _scaled(v, share) if k in _COUNTS else v for k, v in config["lr_config"].items()}
        return {
            **config,
            "lr_config": schedule,
            "runner": {**config["runner"], self._key: length},
            "evaluation": {**config["evaluation"], "interval": length, "save_best": None},
            "checkpoint_config": {**config["checkpoint_config"], "interval": length},
        }

    def run(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Trains all rungs; the best trials are the first ones then.

        Args:
            tell: gets a line after each training.

        Raises:
            UserError: all trials of a rung failed.
        """
        for rung, (count, length) in enumerate(self.rungs):
            for trial in self.trials[:count]:
                place = self._workdir / f"trial{trial.index}_{length}"
                self._train(trial, place, length)
                tell(f"{place.name}: {trial.error or f'{trial.scores[-1]:.4f}'}  {trial.flags}")
            if all(trial.error for trial in self.trials[:count]):
                raise UserError(f"all trials of rung {rung + 1} failed; the first: {self.trials[0].error}")
            self.trials.sort(key=self._rank)

    def _rank(self, trial: Trial) -> tuple[float, float]:
        sign = 1.0 if self.number is not None and self.number.better == "less" else -1.0
        finite = bool(trial.scores) and not trial.error and math.isfinite(trial.scores[-1])
        return -len(trial.scores), sign * trial.scores[-1] if finite else math.inf

    def _train(self, trial: Trial, workdir: Path, length: int) -> None:
        if trial.error:
            return
        done = workdir / "score.json"
        config = self._changed(trial, length)
        if done.exists() and (saved := json.loads(done.read_text()))["flags"] == trial.flags:
            self.number = Number(*saved["number"])
            trial.scores.append(saved["score"])
            return
        try:
            runner = train_quietly(config, workdir, resume=True)
        except UserError as error:
            if "the latter half" not in str(error) and "not finite" not in str(error):
                raise
            trial.error = str(error).splitlines()[0]
            return
        self.number = self._compared(runner)
        trial.scores.append(float(Log(workdir).curves(self.number.name)["val"].y[-1]))
        done.write_text(json.dumps({"flags": trial.flags, "score": trial.scores[-1], "number": list(self.number)}))

    def _compared(self, runner: Any) -> Number:
        numbers = [n for hook in runner.hooks if isinstance(hook, EvalHook) for n in hook.numbers()]
        usable = {number.name: number for number in numbers if number.scalar and number.better}
        if self._monitor and self._monitor not in usable:
            raise UserError(f"--monitor: {self._monitor!r}; {close_names(self._monitor, usable)}")
        return usable[self._monitor] if self._monitor else next(iter(usable.values()))


def _rungs(count: int, eta: int, length: int) -> list[tuple[int, int]]:
    """How many trials train how long: the last rung has one trial left, or the training cannot be any shorter."""
    steps = 0
    while count // eta ** (steps + 1) >= 1 and length // eta ** (steps + 1) >= 1:
        steps += 1
    return [(max(count // eta**i, 1), length // eta ** (steps - i)) for i in range(steps + 1)]


def _scaled(value: Any, share: float) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_scaled(entry, share) for entry in value)
    return max(round(value * share), 1) if isinstance(value, int) and value > 0 else value
