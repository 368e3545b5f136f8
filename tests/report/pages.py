"""Pages of evaluations that are made up: names, numbers of classes and mistakes as a test wants them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np

from jaxcls.engine.evaluation import Predictions
from jaxcls.inspect.logs import Log
from jaxcls.report import curves, evaluated, recipe, run, write
from tests.engine import tiny

EVIL = '<img src=x onerror="window.hacked=1">'
LONG = "the_rather_long_name_of_a_class_that_somebody_took_from_a_folder_on_their_disk"
NAMES = ("cat", EVIL, LONG, "dog & 'cow' </script>", "\N{SNOWMAN}")


def of(monkeypatch, folder, classes, count=60, multi_label=False, broken=0):
    """What `gather` gives of a run without a checkpoint, with an evaluation of random scores."""
    rng = np.random.default_rng(0)
    scores = rng.dirichlet(np.full(len(classes), 0.3), count).astype(np.float32)
    scores[:broken] = np.nan
    labels = np.array([rng.choice(len(classes), p=row) for row in np.nan_to_num(scores, nan=1 / len(classes))])
    if multi_label:
        labels = (rng.random(scores.shape) < 0.4).astype(np.int32)
    images = rng.integers(0, 256, (count, 12, 9, 3), np.uint8)
    source = [{"image": image, "filename": f"folder/{EVIL}{i}.png"} for i, image in enumerate(images)]
    dataset = SimpleNamespace(source=source, labels=labels, classes=tuple(classes))

    def evaluate(config, workdir, split, keep, begin):
        begin(dataset)
        for i in range(0, count, 25):
            keep(Predictions(scores[i : i + 25], labels[i : i + 25], 0.5))
        return {}, dataset.classes

    monkeypatch.setattr(evaluated, "evaluate_model", evaluate)
    found = evaluated.Evaluated({}, folder, "val")
    config, log = run.read(written(folder))
    made = run.gather(folder, config, log, None, 100)
    return made | run.evaluation(found, np.arange(len(classes)), 100) | {"name": folder.name, "number": 0}


def written(folder, nan=False):
    """A work directory with a config and a log of three epochs, and no checkpoint."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(tiny.config()))
    lines = [{"env_info": "Python: 3.11\nJAX: 0.10", "seed": 0}]
    for epoch in (1, 2, 3):
        for step in (4, 8):
            loss = 2 / (epoch + step / 8) if not (nan and epoch == 2) else float("nan")
            lines.append(dict(mode="train", epoch=epoch, iter=step, lr=0.1 / epoch, loss=loss, time=0.01 * step))
        lines.append({"mode": "val", "epoch": epoch, "iter": 2, "lr": 0.1, "accuracy_top-1": 30.0 * epoch})
    (folder / "now.log.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def page(*runs, folders=()):
    """The HTML of runs."""
    runs = [one | {"number": number} for number, one in enumerate(runs)]
    read = [run.read(folder) for folder in folders]
    panels = curves.panels([log for _, log in read])
    return write.render(runs, panels, recipe.differences([config for config, _ in read]))


__all__ = ["EVIL", "LONG", "NAMES", "Log", "of", "page", "written"]
