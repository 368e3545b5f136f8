"""The page as a parser reads it: nothing from elsewhere, names escaped, texts for those who do not see the pictures."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.inspect.logs import Log
from jaxcls.report import curves, write_report
from jaxcls.report.evaluated import Evaluated
from jaxcls.report.pictures import cells
from jaxcls.report.recipe import differences
from jaxcls.tools import report
from tests.report import pages


class Page(HTMLParser):
    """The elements with their attributes, and the text of scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.text, self._open = [], [], "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data):
        if self._open == "script":
            self.scripts.append(data)
        else:
            self.text += data

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


CASES = {
    "names": dict(classes=pages.NAMES),
    "one class": dict(classes=("only",)),
    "hundred classes": dict(classes=[f"class {k}" for k in range(100)], count=400),
    "several labels": dict(classes=pages.NAMES, multi_label=True),
    "not finite": dict(classes=("a", "b"), broken=60),
}


@pytest.mark.parametrize("case", CASES)
def test_page(case, tmp_path, monkeypatch):
    made = pages.of(monkeypatch, tmp_path / "run", **CASES[case])
    text = pages.page(made, folders=[tmp_path / "run"])
    page = Page(text)
    links = [a.get(key) for _, a in page.elements for key in ("src", "href", "srcset", "action", "data") if a.get(key)]
    assert links
    assert all(link.startswith(("data:", "#")) for link in links), "an address outside of the file"
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    assert all(image["alt"].strip() for image in page.of("img"))
    assert not [name for _, a in page.elements for name in a if name.startswith("on")]
    assert text.count("<table") == text.count("<caption")
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    data = json.loads(page.scripts[0])
    assert data["runs"][0]["classes"] == list(CASES[case]["classes"])
    assert len(data["panels"]) == 3
    assert all(name in page.text for name in CASES[case]["classes"][:3])
    assert "No network: " in page.text, "what could not be had is said"
    assert f"{made['right']} of {made['images']} images" in " ".join(page.text.split())


def test_cells_hold_the_pictures_of_their_confusions(tmp_path, monkeypatch):
    made = pages.of(monkeypatch, tmp_path / "run", classes=("a", "b", "c"))
    counts = {cell["key"]: cell["count"] for row in made["confusions"]["rows"] for cell in row}
    assert sum(counts.values()) == 60
    assert {key: min(count, 8) for key, count in counts.items() if count} == {
        key: len(entries) for key, entries in made["cells"].items()
    }
    for key, entries in made["cells"].items():
        truth, taken = (made["classes"][int(label)] for label in key.split("-"))
        assert all(one["truth"] == truth and one["predicted"].startswith(f"{taken} ") for one in entries)
        scores = [float(one["predicted"].split()[1]) for one in entries]
        assert scores == sorted(scores, reverse=truth != taken)
    worst = [float(one["predicted"].split()[1]) for one in made["sheets"]["worst"]]
    assert worst == sorted(worst, reverse=True)


def test_few_pictures_are_spread_over_the_mistakes(tmp_path, monkeypatch):
    pages.of(monkeypatch, tmp_path / "run", classes=("a", "b", "c"))
    found = Evaluated({}, tmp_path, "val")  # as the page above was made
    wrong = [f"{i}-{j}" for i in range(3) for j in range(3) if i != j and found.matrix[i, j]]
    chosen = cells(found, len(wrong))
    assert sorted(chosen) == wrong
    assert all(len(one) == 1 for one in chosen.values())


def test_table_of_classes_and_calibration(tmp_path, monkeypatch):
    made = pages.of(monkeypatch, tmp_path / "run", classes=("a", "b", "c"))
    matrix = np.array([[cell["count"] for cell in row] for row in made["confusions"]["rows"]])
    recalls = [row["recall"] for row in made["by_class"]]
    assert recalls == sorted(recalls)
    for row in made["by_class"]:
        k = row["label"]
        assert row["recall"] == pytest.approx(100 * matrix[k, k] / matrix[k].sum())
        assert row["precision"] == pytest.approx(100 * matrix[k, k] / matrix[:, k].sum())
    bins = made["calibration"]["bins"]
    gaps = sum(one["images"] * abs(one["confidence"] - one["accuracy"]) for one in bins)
    assert 100 * gaps / 60 == pytest.approx(made["measures"]["calibration_error"].value)


def test_curves_have_gaps_where_nothing_is_finite(tmp_path):
    log = Log(pages.written(tmp_path / "run", nan=True))
    panels = curves.panels([log, None, log])
    assert [panel["title"] for panel in panels] == ["Loss", "Top-1 accuracy", "Learning rate"]
    assert [curve["run"] for curve in panels[0]["curves"]] == [0, 2]
    assert panels[0]["curves"][0]["y"][2:4] == [None, None]
    assert panels[0]["curves"][0]["x"] == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert panels[0]["curves"][0]["summary"] == "training: 1.333 first, 0.5 last, 0.5 to 1.333"


def test_what_differs_is_one_row_where_the_type_does():
    one = {"optimizer": {"type": "SGD", "lr": 0.1}, "seed": 0, "runner": {"max_epochs": 3}}
    two = {"optimizer": {"type": "Adam", "lr": 0.1}, "seed": 0, "runner": {"max_epochs": 9}}
    assert differences([one, two]) == [
        ("optimizer", ["SGD(lr=0.1)", "Adam(lr=0.1)"]),
        ("runner.max_epochs", ["3", "9"]),
    ]
    assert differences([one]) == []


def test_two_runs_of_one_name_and_no_checkpoint(tmp_path, capsys):
    folders = [tmp_path / side / "run" for side in "ab"]
    for folder in folders:
        folder.parent.mkdir()
        pages.written(folder)
    report.main([*map(str, folders), f"--out={tmp_path}/both.html"])
    assert capsys.readouterr().out == f"{tmp_path}/both.html\n"
    text = (tmp_path / "both.html").read_text()
    assert "a/run" in text
    assert "b/run" in text
    assert "holds no checkpoint" in text


def test_mistakes(tmp_path):
    with pytest.raises(UserError, match=r"config\.json does not exist"):
        write_report([tmp_path])
    with pytest.raises(UserError, match="--out: the folder"):
        write_report([pages.written(tmp_path / "run")], out=tmp_path / "none" / "x.html")
