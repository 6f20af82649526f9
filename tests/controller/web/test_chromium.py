"""The page in a real browser: readable at both widths, quiet console, nothing from outside, live."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from controller.db import tables
from controller.db.transaction import FeedDraft, Store
from tests.support import doors
from tests.support.processes import find_program

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.parametrize("database_url", [pytest.param("sqlite", id="sqlite")], indirect=True),
]

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_program("chromium"), args=ARGUMENTS)
        yield launched
        launched.close()


@contextmanager
def looking(browser: Browser, door: doors.Door, *, width: int = 1366, height: int = 768) -> Iterator[Page]:
    """A signed-in page; afterwards: no word on the console, no request to anybody else."""
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(urlsplit(request.url).netloc))
    page.goto(door.url)
    page.fill("input[name=login]", "county-duty")
    page.fill("input[name=password]", doors.PASSWORD)
    page.click("button.primary")
    page.wait_for_selector(".numbers")
    yield page
    assert said == []
    assert set(asked) == {urlsplit(door.url).netloc}
    context.close()


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
def test_pages_are_readable_at_both_widths(
    browser: Browser, door: doors.Door, county: dict[str, str], width: int, height: int
) -> None:
    with looking(browser, door, width=width, height=height) as page:
        for language, word in (("zh", "镜头被遮挡"), ("en", "The lens is covered")):
            page.goto(f"{door.url}/language/{language}?to=/sites/b1")
            expect(page.locator(".tile").filter(has_text=word)).to_be_visible()
            for path in ("/", "/sites", "/devices/b1-01", "/incidents", f"/incidents/{county['gate']}"):
                page.goto(door.url + path)
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, f"{path} scrolls sideways"


def test_a_fault_appears_by_itself_without_losing_what_is_typed(
    browser: Browser, door: doors.Door, county: dict[str, str]
) -> None:
    store = door.rooms.store
    with looking(browser, door) as page:
        page.goto(f"{door.url}/sites/b1")
        expect(page.locator(".tile.v-down")).to_have_count(1)
        page.evaluate("document.querySelector('[data-key=d-b1-01]').mine = 1")
        doors.add_fault(store, doors.Fault("b1-04", "down", "hung", "1003", 0), at=doors.NOON)
        expect(page.locator(".tile.v-down")).to_have_count(2, timeout=10_000)
        assert page.evaluate("document.querySelector('[data-key=d-b1-01]').mine") == 1, "what is alike stays"
        page.goto(f"{door.url}/incidents/{county['gate']}")
        page.fill("textarea", "正在写")
        retitle(store, county["gate"])
        expect(page.locator("h1")).to_contain_text("新标题", timeout=10_000)
        assert page.input_value("textarea") == "正在写"


def test_a_person_accepts_an_incident(browser: Browser, door: doors.Door, county: dict[str, str]) -> None:
    with looking(browser, door) as page:
        page.goto(f"{door.url}/incidents/{county['gate']}")
        page.click("button[value=accept]")
        expect(page.locator(".big .state")).to_have_text("已受理")
        expect(page.locator(".timeline li")).to_have_count(2)


def retitle(store: Store, incident: str) -> None:
    """Change something on the incident's page that is not its version, and let the feed ring."""
    with store.write() as transaction:
        transaction.connection.execute(
            tables.incident.update().where(tables.incident.c.id == incident).values(title_zh="新标题")
        )
        transaction.announce(
            FeedDraft("outpost.box.state.v1", doors.NOON, "b1", {}, "610522101", box_id="b1")
        )
