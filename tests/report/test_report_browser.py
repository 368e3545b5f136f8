"""The page in a browser, at two widths, light and dark: nothing cut off, nothing fetched, all of it by keyboard."""

import shutil

import pytest
from playwright import sync_api

from jaxcls.engine.hooks import ReportHook
from tests.engine import tiny
from tests.report import pages

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]
VIEWS = [(width, scheme) for width in (400, 1400) for scheme in ("light", "dark")]

# What is cut off or lies outside of the window; regions that scroll are none of it.
CUT_OFF = """() => {
  const root = document.documentElement, found = [];
  if (root.scrollWidth > root.clientWidth) found.push(`the page is ${root.scrollWidth} wide`);
  for (const e of document.querySelectorAll("body *")) {
    if (e.closest(".hidden, .skip, dialog:not([open]), svg") || !e.clientWidth) continue;
    const name = `${e.tagName} ${e.className} ${e.textContent.trim().slice(0, 30)}`;
    if (e.matches(".scroll, pre")) { if (e.tabIndex !== 0) found.push(`${name}: no keyboard can scroll it`); continue; }
    if (e.scrollWidth > e.clientWidth + 1) found.push(`${name}: ${e.scrollWidth} in ${e.clientWidth}`);
    if (!e.closest(".scroll") && e.getBoundingClientRect().right > root.clientWidth + 1) found.push(`${name}: outside`);
  }
  for (const text of document.querySelectorAll("svg text")) {
    const inner = text.getBoundingClientRect(), outer = text.ownerSVGElement.getBoundingClientRect();
    if (inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1)
      found.push(`${text.textContent}: outside of its diagram`);
  }
  return found;
}"""

# Texts whose colour does not stand out 4.5 times (WCAG 2.2, 1.4.3) from what lies behind them, 3 times where large.
PALE = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = (color) => color.slice(0, 3).map((v) => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = (e) => {
    const layers = [];
    for (let one = e; one; one = one.parentElement) layers.unshift(rgba(getComputedStyle(one).backgroundColor));
    return layers.reduce((under, over) => under.map((v, i) => over[i] * over[3] + v * (1 - over[3])), [255, 255, 255]);
  };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !e.clientWidth || e.closest(".hidden, .skip, svg, script, style, noscript")) continue;
    const style = getComputedStyle(e), [a, b] = [light(rgba(style.color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    const least = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
    if (ratio < least) found.push(`${e.className} ${e.textContent.slice(0, 20)}: ${ratio.toFixed(2)}`);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The report that a training wrote by itself."""
    workdir = tmp_path_factory.mktemp("runs") / "tiny"
    runner = tiny.train(workdir, {"type": "ReportHook", "split": "val"})
    assert isinstance(tiny.hook_of(runner, ReportHook), ReportHook)
    return workdir / "report.html"


@pytest.fixture
def opened(browser, request):
    """Opens a file at a width and in a colour scheme; at the end nothing was fetched and no error was said."""
    contexts, said, fetched = [], [], []

    def open_page(path, width, scheme):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda made: fetched.append(made.url))
        page.goto(path.as_uri())
        page.wait_for_selector(".chart input", state="attached")
        page.wait_for_timeout(200)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not said
    assert [url[:5] for url in fetched if not url.startswith("data:")] == ["file:"] * len(contexts)


def check(page):
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(PALE) == []
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("[...document.images].filter((image) => !image.complete || !image.naturalWidth).length") == 0


def names_in_tree(page):
    """Role -> names of what a screen reader meets."""
    client = page.context.new_cdp_session(page)
    nodes = client.send("Accessibility.getFullAXTree")["nodes"]
    found = {}
    for node in nodes:
        if not node["ignored"]:
            found.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    return found


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_real_run(real, opened, width, scheme):
    page = opened(real, width, scheme)
    check(page)
    found = names_in_tree(page)
    for role in ("button", "image", "slider", "link", "table", "heading", "region"):
        assert found[role], role
        assert all(name.strip() for name in found[role]), role


@pytest.mark.parametrize("case", ["names", "one", "hundred", "labels", "three"])
@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_made_up_runs(case, opened, width, scheme, tmp_path, monkeypatch):
    hundred = [f"class {k} of them" for k in range(100)]
    classes = {"one": ["only"], "hundred": hundred, "three": ["automobile", "cat", "dog"]}.get(case, list(pages.NAMES))
    count = 3 if case == "three" else 1
    folders = [tmp_path / f"a_run_with_a_name_that_is_long_{i}" for i in range(count)]
    runs = [
        pages.of(monkeypatch, folder, classes, 400 if case == "hundred" else 60, case == "labels") for folder in folders
    ]
    path = tmp_path / "page.html"
    path.write_text(pages.page(*runs, folders=folders), encoding="utf-8")
    page = opened(path, width, scheme)
    check(page)
    if case == "names":
        assert pages.EVIL in page.locator(".classes").inner_text()
    if case != "labels" and page.locator(".confusion").count():
        page.locator(".confusion").first.click()
        check(page)


def test_by_keyboard(opened, tmp_path, monkeypatch):
    classes = ["a", "b", "c"]
    path = tmp_path / "page.html"
    path.write_text(pages.page(pages.of(monkeypatch, tmp_path / "run", classes), folders=[tmp_path / "run"]))
    page = opened(path, 1400, "light")
    focused = "document.activeElement"

    page.keyboard.press("Tab")
    assert page.evaluate(f"{focused}.className") == "skip"
    page.locator(".chart input").first.focus()
    before = page.locator(".chart output").first.inner_text()
    page.keyboard.press("ArrowLeft")
    assert (before, page.locator(".chart output").first.inner_text()) == ("epoch 3", "epoch 2.5")
    assert "training 0.5714" in page.evaluate(f"{focused}.getAttribute('aria-valuetext')")
    assert page.locator(".chart").first.locator(".cursor").count() == 1

    cell = page.locator(".cell").first
    cell.focus()
    assert page.evaluate(f"getComputedStyle({focused}).outlineStyle") == "solid"
    page.keyboard.press("ArrowRight")
    label = page.evaluate(f"{focused}.getAttribute('aria-label')")
    assert "taken for b" in label
    page.keyboard.press("Enter")
    assert page.locator("dialog[open] h2").inner_text() == "a taken for b"
    assert page.locator("dialog[open] img").count() == min(int(label.split()[0]), 8)
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert page.evaluate(f"{focused}.getAttribute('aria-label')") == label

    page.locator(".sort", has_text="Images").focus()
    for order in ("ascending", "descending"):
        page.keyboard.press("Enter")
        assert page.locator(f".classes [aria-sort={order}]").count() == 1
        found = [int(text) for text in page.locator(".classes tbody td:nth-child(3)").all_inner_texts()]
        assert found == sorted(found, reverse=order == "descending")


def test_hover_shows_the_values(opened, tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text(pages.page(pages.of(monkeypatch, tmp_path / "run", ["a", "b"]), folders=[tmp_path / "run"]))
    page = opened(path, 400, "light")
    chart = page.locator(".chart").first
    box = chart.locator(".plot").bounding_box()
    chart.scroll_into_view_if_needed()
    chart.locator(".shell").hover(position={"x": box["width"] * 0.62, "y": 50})
    assert chart.locator("output").inner_text() == "epoch 2"
    assert chart.locator(".readout").inner_text().split() == ["training", "0.6667"]
