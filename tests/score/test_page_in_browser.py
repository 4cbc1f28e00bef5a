"""The page of `plogq report` in a real browser: what sorts, filters, prints, and can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plogq.score import Wish, score_file

from ..browser import launched, needs_browser
from .test_page import DIGITS, HOSTILE, hostile  # noqa: F401

pytestmark = [pytest.mark.slow, needs_browser]
Open = Callable[..., Any]
# The least contrast of any text with what lies behind it, and which text that is (WCAG 2, 1.4.3).
CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) =>
    [r, g, b].map((x, i) => x * a + under[i] * (1 - a)).concat(1);
  const behind = (e) => e === null ? [255, 255, 255, 1]
    : over(rgba(getComputedStyle(e).backgroundColor), behind(e.parentElement));
  const light = (c) => c.slice(0, 3).map((x) => x / 255)
    .map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
    .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
  let least = [99, ""];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || ["SCRIPT", "title", "desc"].includes(e.tagName) || !e.getClientRects().length)
      continue;
    const style = getComputedStyle(e), under = behind(e);
    const ink = over(rgba(e.closest("svg") ? style.fill : style.color), under);
    const [a, b] = [light(ink), light(under)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least[0]) least = [ratio, `${e.tagName} ${e.textContent.slice(0, 40)}`];
  }
  return least;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as started:
        yield started


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "digits.html"
    wish = Wish(pictures=True, by=("label",))
    score_file(DIGITS, wish, worst=40).save_html(path)
    return path


@pytest.fixture
def opened(browser: Any, digits: Path) -> Iterator[Open]:
    """Opens a page; at the end nothing has been asked of another place, and no script failed."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def opened(path: Path = digits, width: int = 800, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda r: None if r.url == path.as_uri() else wrong.append(r.url))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def column(page: Any, table: str, place: int) -> list[str]:
    """The cells of a column that can be seen."""
    return page.locator(f"#{table} tbody tr").evaluate_all(
        "(rows, k) => rows.filter(r => !r.hidden).map(r => r.cells[k].textContent)", place
    )


def test_tables_sort_by_click_and_by_key(opened: Open) -> None:
    page = opened()
    table = page.get_by_role("table", name="Worst rows (rows count from 0)")
    head = table.get_by_role("columnheader", name="H, nats")
    assert head.get_attribute("aria-sort") is None
    head.get_by_role("button").click()
    losses = [float(x) for x in column(page, "file0-worst-table", 4)]
    assert losses == sorted(losses)
    assert head.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    losses = [float(x) for x in column(page, "file0-worst-table", 4)]
    assert losses == sorted(losses, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    table.get_by_role("columnheader", name="row", exact=True).get_by_role("button").press("Space")
    rows = [int(x.replace(",", "")) for x in column(page, "file0-worst-table", 0)]
    assert rows == sorted(rows)
    assert head.get_attribute("aria-sort") is None
    table.get_by_role("columnheader", name="label").get_by_role("button").click()
    labels = column(page, "file0-worst-table", 1)
    assert labels == sorted(labels)


def test_long_tables_filter(opened: Open) -> None:
    page = opened()
    box = page.get_by_role("searchbox", name="Show rows with")
    # Of the pairs of classes and of the worst rows: the others are short.
    assert box.count() == 2
    before = column(page, "file0-worst-table", 0)
    box.nth(1).fill("206 5.9")
    assert column(page, "file0-worst-table", 0) == ["206"]
    assert page.get_by_role("status").nth(1).text_content() == "1 of 40 rows"
    box.nth(1).fill("no such row")
    assert column(page, "file0-worst-table", 0) == []
    box.nth(1).fill("")
    assert column(page, "file0-worst-table", 0) == before
    assert page.get_by_role("status").nth(1).text_content() == ""


def test_without_scripts_all_is_there(opened: Open) -> None:
    page = opened(java_script_enabled=False)
    assert page.get_by_role("button").count() == 0
    assert page.get_by_role("searchbox").count() == 0
    assert page.locator("#file0-worst-table tbody tr").count() == 40
    assert page.locator("#file0-worst-table tbody tr").last.is_visible()
    assert page.get_by_role("img").count() == 2


@pytest.mark.parametrize("width", [320, 400, 800, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(opened: Open, width: int, scheme: str) -> None:
    page = opened(width=width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    text = page.locator("svg text").first
    assert text.evaluate("e => e.getBoundingClientRect().height") > 7


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(opened: Open, scheme: str) -> None:
    page = opened(color_scheme=scheme)
    least, text = page.evaluate(CONTRAST)
    assert least >= 4.5, text


def test_pictures_follow_light_and_dark(opened: Open) -> None:
    found: list[set[str]] = []
    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme)
        fill = "e => getComputedStyle(e).fill"
        found.append({page.locator(s).first.evaluate(fill) for s in ("svg text", "svg use")})
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert not found[0] & found[1]


def test_it_is_printed_on_white_and_whole(opened: Open) -> None:
    page = opened(color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.get_by_role("navigation").is_visible()
    assert not page.get_by_role("searchbox").first.is_visible()
    hidden = page.locator(".scroll").evaluate_all(
        "all => all.filter(e => e.scrollHeight > e.clientHeight + 1).length"
    )
    assert hidden == 0
    assert page.evaluate(CONTRAST)[0] >= 4.5
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_the_keyboard_reaches_everything_and_is_seen_to(opened: Open) -> None:
    page = opened()
    page.keyboard.press("Tab")
    focused = "document.activeElement"
    assert page.evaluate(f"{focused}.textContent") == "Skip to the numbers"
    reached: set[str] = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        tag, outline = page.evaluate(
            f"[{focused}.tagName, getComputedStyle({focused}).outlineStyle]"
        )
        if tag == "BODY":
            break
        assert outline == "solid", page.evaluate(f"{focused}.outerHTML")[:200]
        reached.add(tag)
    assert reached == {"A", "DIV", "BUTTON", "INPUT"}


def test_what_a_screen_reader_is_told(opened: Open) -> None:
    page = opened()
    picture = page.get_by_role("img", name="Reliability: what the model says, and how often")
    assert picture.count() == 1
    assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1
    assert page.get_by_role("heading", level=1).text_content() == "digits.parquet"
    region = page.get_by_role("region", name="Calibration")
    assert region.get_by_role("table").count() == 1
    matrix = page.get_by_role("table", name="Mean probability given to each class")
    assert matrix.get_by_role("rowheader").count() == 10
    assert matrix.get_by_role("columnheader").count() == 11


def test_labels_that_are_markup_do_nothing(opened: Open, hostile: Path, tmp_path: Path) -> None:  # noqa: F811
    out = tmp_path / "x.html"
    wish = Wish(pictures=True, by=("<img src=x onerror=alert(3)>",))
    score_file(hostile, wish).save_html(out)
    page = opened(out, width=400, color_scheme="dark")
    assert page.locator("img, h1 *, style + *:not(body):not(script)").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    labels = column(page, "file0-classes-table", 0)
    assert HOSTILE[0] in labels
    assert page.get_by_role("heading", level=1).text_content() == r"<b>'&\u202e.parquet"
    assert page.evaluate(CONTRAST)[0] >= 4.5
