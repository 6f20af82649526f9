"""The tuning page in a real browser: readable, silent, nothing from outside, and what is drawn is taken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from agent.tuning import page as pages
from agent.tuning.film import look_at
from agent.tuning.rehearsal import Rehearsal
from agent.tuning.trial_values import Thresholds, thresholds_of
from agent.tuning.zone_file import Setting, zones_of
from tests.agent.tuning import films
from tests.support.processes import find_program

pytestmark = pytest.mark.chromium

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_program("chromium"), args=ARGUMENTS)
        yield launched
        launched.close()


def made(film: Path, zones: str = films.ZONES) -> str:
    thresholds = thresholds_of(Setting(zones_of(zones)), []) if zones else Thresholds()
    found = look_at(film)
    rehearsal = Rehearsal(found, thresholds, pictures=True)
    list(rehearsal.decisions())
    return pages.page(found, rehearsal.outcome, rehearsal.timeline, thresholds)


@pytest.fixture(scope="module")
def written(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "out.html"
    path.write_text(made(film), "utf-8")
    return path


@contextmanager
def looking(
    browser: Browser, path: Path, *, size: tuple[int, int] = (1366, 768), language: str = ""
) -> Iterator[Page]:
    """The page; afterwards: no word on the console, nothing asked of anybody."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri() + language)
    yield page
    assert said == []
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    assert len([url for url in asked if url.startswith("file")]) == 1
    context.close()


def toml(page: Page) -> str:
    return page.input_value("#toml")


def drag(page: Page, what: str, by: tuple[float, float]) -> None:
    """Take a handle in its middle and move it by shares of the picture."""
    handle = page.locator(what).bounding_box()
    stage = page.locator("#stage").bounding_box()
    assert handle is not None and stage is not None
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 3, y + 3)
    page.mouse.move(x + by[0] * stage["width"], y + by[1] * stage["height"])
    page.mouse.up()


@pytest.mark.parametrize("size", [(1366, 768), (390, 844)])
@pytest.mark.parametrize(("language", "word"), [("", "画面与区域"), ("#en", "The place and its zones")])
def test_it_is_readable_at_both_widths_in_both_languages(
    browser: Browser, written: Path, size: tuple[int, int], language: str, word: str
) -> None:
    with looking(browser, written, size=size, language=language) as page:
        assert page.text_content("#t-place") == word
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.locator(".event img").count() == 3
        shown = page.evaluate("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
        assert shown
        body = page.inner_text("body")
        other = "#en" if not language else ""
        assert ("Motion" in body) == bool(language)
        page.click("#zh" if other == "" else "#en")
        assert ("Motion" in page.inner_text("body")) != bool(language)
        if size[0] == 1366:
            assert page.locator("#stage").bounding_box()["y"] < 200  # type: ignore[index]


def test_a_corner_that_is_dragged_comes_out_as_the_configuration_takes_it(
    browser: Browser, written: Path
) -> None:
    before = zones_of(films.ZONES)
    with looking(browser, written) as page:
        assert zones_of(toml(page)) == before
        drag(page, "[data-corner='0']", (-0.2, 0.1))
        moved = zones_of(toml(page))[0]
        assert moved.corners[0] == pytest.approx((0.2, 0.6), abs=0.01)
        assert moved.corners[1:] == before[0].corners[1:]
        drag(page, "[data-corner='1']", (5.0, -5.0))
        assert zones_of(toml(page))[0].corners[1] == (1.0, 0.0)
        drag(page, "[data-middle='2']", (0.0, 0.05))
        assert len(zones_of(toml(page))[0].corners) == 5
        page.click("#drop-corner")
        assert len(zones_of(toml(page))[0].corners) == 4
        page.select_option("#table", "device.zone")
        assert toml(page).count("[[device.zone]]") == 3
        assert zones_of(toml(page))[1:] == before[1:]


def test_a_finger_can_drag_a_corner(browser: Browser, written: Path) -> None:
    with looking(browser, written, size=(390, 844)) as page:
        drag(page, "[data-corner='2']", (-0.1, -0.1))
        assert zones_of(toml(page))[0].corners[2] == pytest.approx((0.8, 0.8), abs=0.02)
        grip = page.locator("[data-corner='2']").bounding_box()
        assert grip is not None and grip["width"] >= 36


def test_zones_of_every_kind_can_be_made_and_are_taken(browser: Browser, written: Path) -> None:
    with looking(browser, written) as page:
        for kind, *_ in json.loads(page.evaluate("JSON.stringify(D.kinds)")):
            page.click("#add")
            page.fill("#f-name", f'"{kind}" \\ 一')
            page.select_option("#f-kind", kind)
        page.fill("#f-sensitivity", "71")
        page.fill("#f-schedule", "mon-fri 08:00-18:00\n\ndaily 20:00-24:00")
        taken = zones_of(toml(page))
        assert {zone.kind.value for zone in taken[3:]} == {"privacy", "ignore", "motion", "presence", "dwell",
                                                           "crowd", "line", "watch", "lamp"}  # fmt: skip
        assert taken[-1].name == '"lamp" \\ 一'
        assert taken[-1].sensitivity == 71
        assert taken[-1].schedule == ("mon-fri 08:00-18:00", "daily 20:00-24:00")
        page.locator("#list button").nth(2).click()
        page.select_option("#f-direction", "b_to_a")
        assert zones_of(toml(page))[2].direction == "b_to_a"
        page.select_option("#f-kind", "presence")
        assert zones_of(toml(page))[2].kind == "presence"
        for _ in taken:
            page.click("#drop-zone")
        assert toml(page).strip() == ""
        assert page.is_disabled("#drop-zone")


def test_two_zones_of_one_name_are_told_at_once(browser: Browser, written: Path) -> None:
    with looking(browser, written) as page:
        page.fill("#f-name", "window")
        assert "window" in page.inner_text("#wrong")
        page.fill("#f-name", "")
        assert page.inner_text("#wrong") != ""


def test_an_event_is_shown_in_its_place(browser: Browser, written: Path) -> None:
    with looking(browser, written) as page:
        assert page.locator("#svg rect:not(.middle)").count() == 0
        page.click("[data-event='1']")
        assert page.locator("#svg rect:not(.middle)").count() == 1
        assert page.get_attribute("[data-event='1']", "aria-pressed") == "true"


def test_names_cannot_become_part_of_the_page(browser: Browser, film: Path, tmp_path: Path) -> None:
    evil = films.ZONES.replace('"院门"', "'</script><img src=x onerror=boom()>'")
    odd = tmp_path / "<b onclick=boom()>.mp4"
    odd.write_bytes(film.read_bytes())
    path = tmp_path / "evil.html"
    path.write_text(made(odd, evil), "utf-8")
    with looking(browser, path) as page:
        assert "</script>" in toml(page)
        assert page.locator("img[src=x], b[onclick]").count() == 0


def test_without_a_zone_file_it_is_a_page_to_begin_with(browser: Browser, film: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.html"
    path.write_text(made(film, ""), "utf-8")
    with looking(browser, path) as page:
        assert toml(page).strip() == ""
        page.click("#add")
        assert zones_of(toml(page))[0].name == "zone-1"


def test_its_size_is_bounded_whatever_happened(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, thresholds = look_at(film), Thresholds()
    rehearsal = Rehearsal(found, thresholds, pictures=True)
    list(rehearsal.decisions())
    rehearsal.outcome.events *= 3000
    text = pages.page(found, rehearsal.outcome, rehearsal.timeline, thresholds)
    assert len(text.encode()) < 2_000_000
    assert text.count("data:image/jpeg") == pages.MOST_PICTURES + 1
    assert '"events_more":2800' in text


def test_it_asks_nobody_for_anything(film: Path) -> None:
    text = made(film)
    assert "default-src 'none'" in text
    outside = re.findall(r"(?:https?:)?//[a-z0-9.]+", re.sub(r"data:[^\"]+", "", text))
    assert set(outside) == {"http://www.w3.org"}
