"""The keys of an original config, and what becomes of each."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jaxcls.errors import UserError
from jaxcls.mmcls.data import translate_data, translate_sampler
from jaxcls.mmcls.hooks import (
    translate_checkpoint_config,
    translate_custom_hooks,
    translate_evaluation,
    translate_log_config,
)
from jaxcls.mmcls.inheritance import ConfigFile
from jaxcls.mmcls.own_code import with_own_code
from jaxcls.mmcls.training import (
    schedule,
    translate_fp16,
    translate_optimizer,
    translate_optimizer_config,
    translate_runner,
    translate_total_epochs,
)
from jaxcls.mmcls.translation import Translation


def as_it_stands(key: str) -> Callable[[Any, ConfigFile, Translation], None]:
    """What keeps a key."""

    def translate(value: Any, file: ConfigFile, to: Translation) -> None:
        to.config[key] = value

    return translate


KEYS: Mapping[str, Callable[[Any, ConfigFile, Translation], None]] = {
    "model": as_it_stands("model"),
    "data": translate_data,
    "sampler": translate_sampler,
    "optimizer": translate_optimizer,
    "optimizer_config": translate_optimizer_config,
    "fp16": translate_fp16,
    "lr_config": schedule("lr_config", "LrUpdaterHook"),
    "momentum_config": schedule("momentum_config", "MomentumUpdaterHook"),
    "runner": translate_runner,
    "total_epochs": translate_total_epochs,
    "evaluation": translate_evaluation,
    "checkpoint_config": translate_checkpoint_config,
    "log_config": translate_log_config,
    "custom_hooks": translate_custom_hooks,
    "workflow": as_it_stands("workflow"),
    "seed": as_it_stands("seed"),
    "load_from": as_it_stands("load_from"),
    "resume_from": as_it_stands("resume_from"),
    "work_dir": as_it_stands("work_dir"),
}
IMPORTS = "custom_imports"
OF_MMENGINE = ("default_scope", "default_hooks", "optim_wrapper", "param_scheduler", "train_dataloader")
# of PyTorch, its processes and its devices
ENVIRONMENT = (
    *("dist_params", "log_level", "cudnn_benchmark", "deterministic", "opencv_num_threads", "mp_start_method"),
    *("omp_num_threads", "mkl_num_threads", "find_unused_parameters", "device", "gpu_ids", "gpus"),
    *("launcher", "auto_resume", "ipu_replicas", "ipu_model_cfg", "options_cfg"),
)


def translate(file: ConfigFile) -> Translation:
    """Our config for an original one, unchecked.

    Raises:
        UserError: the file is one of the versions that are built on MMEngine.
    """
    if "data" not in file.values and (others := [key for key in OF_MMENGINE if key in file.values]):
        raise UserError(
            f"{file.path} is a config file of MMPretrain 1.x or MMClassification 1.0rc, with {', '.join(others)}; "
            "expected one of MMClassification 0.x, with data, optimizer, lr_config and runner"
        )
    to = Translation()
    for key, function in KEYS.items():
        if file.values.get(key) is not None:
            function(file.values[key], file, to)
    to.ignored += [key for key in ENVIRONMENT if file.values.get(key) is not None]
    to.config = with_own_code(to.config, file.values.get(IMPORTS), to)
    to.problems += misspelt(file)
    to.warnings += [*unread(file), *without_effect(file)]
    if file.deprecation is not None:
        to.warnings.append(f"{file.path.name} is an old name of {file.deprecation.get('expected', 'its base')}")
    return to


def variables(file: ConfigFile) -> list[str]:
    """The names of a config that are no keys."""
    return [name for name in file.values if name not in (*KEYS, *ENVIRONMENT, IMPORTS)]


def misspelt(file: ConfigFile) -> Iterator[str]:
    """Names that nothing reads and that look like a key."""
    for name in _unread(file):
        if close := _close_keys(name):
            yield f"{name!r} is no key of a config, and nothing reads it; did you mean {' or '.join(map(repr, close))}?"


def unread(file: ConfigFile) -> Iterator[str]:
    """Names that nothing reads, which the original does not mind either."""
    names = [name for name in _unread(file) if not _close_keys(name)]
    if "paramwise_cfg" in names:
        names.remove("paramwise_cfg")
        yield "paramwise_cfg at the top level has no effect, as in the original; it belongs in optimizer"
    if names:
        yield f"without effect, as in the original: {', '.join(names)}; neither keys of a config nor read by it"


def _close_keys(name: str) -> list[str]:
    return difflib.get_close_matches(name, [*KEYS, *ENVIRONMENT, IMPORTS], cutoff=0.8)


def _unread(file: ConfigFile) -> list[str]:
    read = frozenset().union(*(one.read for one in file.all_files))
    return [name for name in variables(file) if name not in read]


def without_effect(file: ConfigFile, read_later: frozenset[str] = frozenset()) -> Iterator[str]:
    """Variables that a file sets anew, though only its base reads them, and has done so already."""
    read = file.read | read_later
    names = [name for name in variables(file) if name in file.own and name not in read]
    for base in file.bases:
        changed = [name for name in names if name in base.values and base.values[name] != file.own[name]]
        for name in changed:
            if any(name in one.read for one in base.all_files):
                yield f"{file.path.name}: {name} has no effect, as in the original: only {base.path.name} reads it"
        yield from without_effect(base, read)
