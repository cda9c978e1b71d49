"""The long list in a real Chromium: a hundred thousand rows of any height, keyboard, failures."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.face.conftest import darken, keep
from tests.face.evidence import ERROR, HOSTILE, INFO, NOW, line, store
from tests.monitoring.store.conftest import clear

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LOGS = "/admin/logs/?service=evidence-shop"
SIZE = 100
# What the list holds right now, seen from outside.
STATE = """() => {
  const scroller = document.querySelector("[data-scroller]");
  const rows = [...scroller.querySelectorAll(".ph-line")];
  return {
    drawn: rows.length,
    elements: scroller.querySelectorAll("*").length,
    total: scroller.querySelector("tbody").offsetHeight,
    top: scroller.scrollTop,
    indexes: rows.map((row) => Number(row.dataset.index)),
  };
}"""


@pytest.fixture(autouse=True)
def filled(portal_server, transactional_db) -> None:
    """More lines than the first page holds, so that there is a next one to ask for."""
    clear()
    store(*[line(f"first {n:03}", NOW - timedelta(seconds=n)) for n in range(60)])


class Endless:
    """The API's part of a list of so many rows; any page may be told to fail."""

    def __init__(self, rows: int, size: int = SIZE, words: int = 160) -> None:
        self.rows = rows
        self.size = size
        self.words = words
        self.asked: list[int] = []
        self.broken = False

    def __call__(self, route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        start = int(query.get("cursor", ["0"])[0])
        self.asked.append(start)
        if self.broken:
            body = {"error": "unavailable", "message": "<b>The store rests.</b>", "details": {}}
            route.fulfill(status=503, json=body)
            return
        end = min(start + self.size, self.rows)
        more = str(end) if end < self.rows else None
        items = [self.row(n, self.words) for n in range(start, end)]
        route.fulfill(json={"items": items, "next_cursor": more, "partial": False})

    @staticmethod
    def row(n: int, most: int = 160) -> dict[str, object]:
        # Some rows have one line, some six.
        words = "word " * (n * 7919 % most)
        return {
            "id": f"row-{n}", "ts": "2026-11-25T12:00:00Z", "service": "endless", "level": "info",
            "severity": 9, "body": f"row {n} {words}", "body_length": len(words), "cut": False,
            "trace_id": None, "span_id": None, "attrs": {"n": n},
        }  # fmt: skip


def opened(page: Page, source: Endless) -> None:
    page.route("**/admin/logs/search*", source)
    page.reload()
    expect(page.locator(".ph-taken")).to_be_attached()


def to_the_end(page: Page, rows: int) -> None:
    """Scrolls on until that many rows have come."""
    told = page.evaluate(
        """async (rows) => {
          const scroller = document.querySelector("[data-scroller]");
          const status = document.querySelector("[data-status]");
          const number = () => status.textContent.replaceAll(",", "").match(/\\d+/);
          const loaded = () => Number(number()?.[0] ?? 0);
          for (let still = 0, last = 0; loaded() < rows && still < 2000; still++) {
            if (loaded() !== last) [last, still] = [loaded(), 0];
            scroller.scrollTop = scroller.scrollHeight;
            await new Promise((done) => setTimeout(done, 4));
          }
          return `${status.textContent}|${loaded()}`;
        }""",
        rows,
    )
    assert int(told.split("|")[1]) >= rows, told


def test_a_hundred_thousand_rows_keep_the_page_small(visit):
    # Short ones: what is shown here is their number.
    source = Endless(100_000, size=1000, words=20)

    def look(page: Page) -> tuple[dict, dict, int]:
        page.set_default_timeout(120_000)
        opened(page, source)
        to_the_end(page, 100_050)
        expect(page.locator("[data-foot]")).to_contain_text("100,050")
        end = page.evaluate(STATE)
        page.evaluate("document.querySelector('[data-scroller]').scrollTop = 0")
        expect(page.get_by_text("first 000")).to_be_visible()
        asked = len(source.asked)
        # Rows in the middle were let go of, and come again when one looks at them.
        page.evaluate("""() => { const s = document.querySelector("[data-scroller]");
                               s.scrollTop = s.scrollHeight / 2; }""")
        expect(page.locator(".ph-line .ph-away")).to_have_count(0)
        expect(page.get_by_text(re.compile(r"^row \d+")).first).to_be_visible()
        return end, page.evaluate(STATE), len(source.asked) - asked

    end, middle, again = visit(LOGS, look)
    for state in (end, middle):
        assert state["drawn"] <= 100
        assert state["elements"] < 1500
    assert end["total"] > 100_050 * 30
    assert 1 <= again <= 3


def test_rows_of_any_height_neither_overlap_nor_leave_gaps_nor_jump(visit):
    def look(page: Page) -> list[float]:
        opened(page, Endless(2000))
        to_the_end(page, 1000)
        gaps = []
        for place in (0.2, 0.7, 0.45):
            page.evaluate(
                """(part) => { const s = document.querySelector("[data-scroller]");
                             s.scrollTop = s.scrollHeight * part; }""", place)  # fmt: skip
            expect(page.locator(".ph-line .ph-away")).to_have_count(0)
            gaps += page.evaluate("""async () => {
              for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
              const boxes = [...document.querySelectorAll(".ph-line")].map((row) => [Number(row.dataset.index), row.getBoundingClientRect()]);
              return boxes.slice(1).flatMap(([n, box], i) => (n === boxes[i][0] + 1 ? [box.top - boxes[i][1].bottom] : []));
            }""")  # noqa: E501
        # One row is followed while one scrolls up over rows never measured: it moves as one
        # scrolls, and by nothing else.
        gaps += page.evaluate("""async () => {
          const scroller = document.querySelector("[data-scroller]");
          const wrong = [];
          for (let i = 0; i < 20; i++) {
            const middle = scroller.getBoundingClientRect().top + scroller.clientHeight / 2;
            const row = [...document.querySelectorAll(".ph-line")].find((one) => one.getBoundingClientRect().bottom > middle);
            const before = row.getBoundingClientRect().top;
            scroller.scrollTop -= 60;
            for (let n = 0; n < 3; n++) await new Promise(requestAnimationFrame);
            wrong.push(row.getBoundingClientRect().top - before - 60);
          }
          return wrong;
        }""")  # noqa: E501
        return gaps

    gaps = visit(LOGS, look)
    assert len(gaps) > 50
    assert max(abs(gap) for gap in gaps) <= 1.5


def test_the_keyboard_alone_reaches_everything(visit):
    def look(page: Page) -> None:
        opened(page, Endless(300))
        grid = page.get_by_role("treegrid")
        grid.focus()
        active = page.locator(".ph-active")
        expect(active).to_contain_text("first 000")
        for _ in range(3):
            page.keyboard.press("ArrowDown")
        expect(active).to_contain_text("first 003")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        expect(active).to_have_attribute("aria-expanded", "true")
        page.keyboard.press("Tab")
        expect(page.locator(".ph-detail a").first).to_be_focused()
        # The row with the focus stays, however far one scrolls.
        page.evaluate("document.querySelector('[data-scroller]').scrollTop = 1500")
        expect(page.locator(".ph-detail a").first).to_be_focused()
        page.keyboard.press("Escape")
        expect(grid).to_be_focused()
        page.keyboard.press("PageDown")
        expect(active).to_be_in_viewport()
        page.keyboard.press("End")
        expect(active).to_be_in_viewport()
        page.keyboard.press("Home")
        expect(active).to_contain_text("first 000")
        row_id = grid.get_attribute("aria-activedescendant")
        expect(page.locator(f"#{row_id}")).to_contain_text("first 000")
        expect(active).to_have_attribute("aria-rowindex", "2")
        expect(grid).to_have_attribute("aria-rowcount", "-1")
        to_the_end(page, 350)
        expect(grid).to_have_attribute("aria-rowcount", "351")

    visit(LOGS, look)


def test_a_failure_half_way_keeps_what_is_there_and_can_be_tried_again(visit):
    source = Endless(500)

    def look(page: Page) -> int:
        opened(page, source)
        to_the_end(page, 250)
        source.broken = True
        foot = page.locator("[data-foot]")
        # What was never seen is higher than thought: the end moves on while one goes there.
        page.wait_for_function("""() => {
          document.querySelector("[data-scroller]").scrollTop = 1e9;
          return document.querySelector("[data-foot]").dataset.kind === "error";
        }""")
        expect(foot).to_contain_text("<b>The store rests.</b>")
        keep(page, "table-failed")
        asked = len(source.asked)
        page.evaluate("document.querySelector('[data-scroller]').scrollTop -= 200")
        page.evaluate("document.querySelector('[data-scroller]').scrollTop += 200")
        source.broken = False
        expect(page.locator("[data-status]")).to_contain_text("The store rests")
        assert len(source.asked) == asked
        foot.get_by_role("button", name="Try again").click()
        to_the_end(page, 550)
        expect(foot).to_contain_text("550")
        return asked

    assert visit(LOGS, look, expected_errors="503")


def test_a_search_out_of_time_says_so_and_goes_on_when_asked(visit):
    def answer(route: Route) -> None:
        last = "cursor" in route.request.url
        items = [Endless.row(1 if last else 0)]
        body = {"items": items, "next_cursor": None if last else "1", "partial": not last,
                "searched_to": "2026-11-25T11:00:00Z"}  # fmt: skip
        route.fulfill(json=body)

    def look(page: Page) -> None:
        page.route("**/admin/logs/search*", answer)
        page.reload()
        foot = page.locator("[data-foot]")
        page.wait_for_function("""() => {
          document.querySelector("[data-scroller]").scrollTop = 1e9;
          return document.querySelector("[data-foot]").dataset.kind === "warning";
        }""")
        expect(foot).to_contain_text("Time ran out")
        foot.get_by_role("button", name="Search on").click()
        expect(foot).to_contain_text("52")

    visit(LOGS, look)


def test_hostile_lines_are_inert_when_listed_opened_and_filtered_by(visit):
    clear()
    store(*[line(text, evil=text, **{text: "name"}) for text in HOSTILE])

    def look(page: Page) -> tuple[str, str, list[str]]:
        page.get_by_role("treegrid").focus()
        for _ in HOSTILE:
            page.keyboard.press("Enter")
            page.keyboard.press("ArrowDown")
        expect(page.locator(".ph-detail")).to_have_count(len(HOSTILE))
        keep(page, "logs-hostile-light")
        darken(page)
        keep(page, "logs-hostile-dark")
        addresses = page.locator(".ph-detail a").evaluate_all("all => all.map((a) => a.protocol)")
        text = page.locator("[data-scroller]").inner_text()
        page.locator(".ph-only").last.click()
        expect(page.locator(".ph-chosen li")).to_have_count(1)
        return page.title(), text, addresses

    title, text, addresses = visit(LOGS, look)
    assert title == "Log lines | Pharos"
    assert set(addresses) == {"http:"}
    assert "<script>" in text
    assert "⟨U+202E⟩" in text
    assert not set(text) & set("\u202e\u2066\x07\x1b")


def test_a_line_of_a_megabyte_is_cut_and_shown_whole_on_demand(visit):
    clear()
    store(line("x" * 1_000_000, small="yes"))

    def look(page: Page) -> list[int]:
        page.get_by_role("treegrid").focus()
        page.keyboard.press("Enter")
        button = page.get_by_role("button", name=re.compile("Show all 1.000.000"))
        expect(button).to_be_visible()
        cut = len(page.locator(".ph-whole").inner_text())
        button.click()
        expect(page.locator(".ph-whole")).to_be_focused()
        return [cut, page.locator(".ph-whole").evaluate("one => one.textContent.length")]

    assert visit(LOGS, look) == [4000, 1_000_000]


def test_sweeping_over_rows_fetches_nothing_and_resting_fetches_once(visit):
    clear()
    store(*[line(f"{n} " + "x" * 5000, NOW - timedelta(seconds=n)) for n in range(20)])
    asked: list[str] = []

    def look(page: Page) -> list[int]:
        page.route(
            "**/admin/logs/lines/*",
            lambda route: (asked.append(route.request.url), route.continue_()),
        )
        rows = page.locator(".ph-line")
        boxes = [box for row in rows.all()[:4] if (box := row.bounding_box())]
        for box in boxes[:3]:
            page.mouse.move(box["x"] + 20, box["y"] + 5)
        swept = len(asked)
        with page.expect_response("**/admin/logs/lines/*"):
            page.mouse.move(boxes[1]["x"] + 20, boxes[1]["y"] + 5)
        rows.nth(1).click(position={"x": 20, "y": 5})
        expect(page.get_by_role("button", name=re.compile("Show all"))).to_be_visible()
        return [swept, len(asked)]

    assert visit(LOGS, look) == [0, 1]


def test_without_a_script_the_rows_are_a_plain_table_with_a_way_on(visit):
    def look(page: Page) -> tuple[int, int]:
        first = page.locator("tbody tr").count()
        page.get_by_role("link", name="Older").click()
        return first, page.locator("tbody tr").count()

    assert visit(LOGS, look, java_script_enabled=False) == (50, 10)


def test_the_script_takes_over_without_a_jump(visit):
    def look(page: Page) -> float:
        page.add_init_script("""
          window.shifts = 0;
          new PerformanceObserver((list) => list.getEntries().forEach((one) => { window.shifts += one.value; }))
            .observe({ type: "layout-shift", buffered: true });
        """)  # noqa: E501
        page.reload()
        expect(page.locator(".ph-taken")).to_be_attached()
        page.wait_for_load_state("networkidle")
        return page.evaluate("window.shifts")

    assert visit(LOGS, look) < 0.02


def test_a_row_is_copied_as_cells_and_marked_text_as_it_is(visit):
    def look(page: Page) -> list[str]:
        page.get_by_role("treegrid").focus()
        copied = """() => { const all = new DataTransfer();
          document.activeElement.dispatchEvent(new ClipboardEvent("copy", { clipboardData: all, bubbles: true, cancelable: true }));
          return all.getData("text/plain"); }"""  # noqa: E501
        row = page.evaluate(copied)
        page.evaluate(
            """document.getSelection().selectAllChildren(document.querySelector(".ph-body"))"""
        )
        return [row, page.evaluate(copied)]

    row, marked = visit(LOGS, look)
    assert row.split("\t")[1:4] == ["info", "evidence-shop", "first 000"]
    assert marked == ""


def test_filters_live_in_the_address(visit):
    store(line("an error", NOW, ERROR), line("no error", NOW, INFO))

    def look(page: Page) -> tuple[str, int]:
        page.select_option("[name=level]", "error")
        page.get_by_role("button", name="Show", exact=True).click()
        page.wait_for_url("**level=error**")
        return page.url, page.locator(".ph-line").count()

    address, rows = visit(LOGS, look)
    assert "service=evidence-shop" in address
    assert rows == 1
