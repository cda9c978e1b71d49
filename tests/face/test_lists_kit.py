"""The arithmetic of lists and traces, and the tracker strip: modules run alone in Chromium."""

import json
import random

import pytest
from playwright.sync_api import Page, expect

from tests.face.conftest import darken, keep

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# Static files have hashed names: their address is found beside a module the page knows.
IMPORT = """async ({ module, run, given }) => {
  const page = [...document.scripts].map((one) => one.src).find((src) => src.includes("js/about") || src.includes("js/kit/page"));
  const found = await import(page.replace(/js\\/.*/, `js/kit/${module}`));
  return new Function("m", "given", run)(found, given);
}"""  # noqa: E501


def run(page: Page, module: str, body: str, given: object = None):
    return page.evaluate(IMPORT, {"module": module, "run": body, "given": given})


def test_rows_of_any_height_are_found_by_their_place(visit):
    chance = random.Random(7)
    heights = [chance.choice([20, 38, 38.5, 130, 900]) for _ in range(3000)]
    changed = {str(chance.randrange(3000)): chance.randrange(1, 400) for _ in range(500)}
    places = [chance.uniform(-10, sum(heights) * 1.1) for _ in range(300)]
    body = """
      const rows = new m.Heights(30);
      rows.resize(1000);
      rows.resize(given.heights.length);
      given.heights.forEach((height, i) => rows.set(i, height));
      for (const [i, height] of Object.entries(given.changed)) rows.set(Number(i), height);
      return { total: rows.total, at: given.places.map((place) => rows.at(place)), last: rows.offset(2999) };
    """  # noqa: E501
    given = {"heights": heights, "changed": changed, "places": places}
    seen = visit("/admin/about/", lambda page: run(page, "heights.js", body, given))
    for index, height in changed.items():
        heights[int(index)] = height
    tops = [0.0]
    for height in heights:
        tops.append(tops[-1] + height)
    assert seen["total"] == pytest.approx(tops[-1])
    assert seen["last"] == pytest.approx(tops[2999])
    for place, index in zip(places, seen["at"], strict=True):
        wanted = next((i for i in range(3000) if tops[i + 1] > place + 1e-9), 2999)
        assert index == (0 if place < 0 else wanted)


def test_the_shape_of_a_trace_is_computed_without_a_page(visit):
    names = [("root", 0, 10), ("a", 1, 5), ("b", 2, 7), ("a", 1, 5), ("b", 2, 3), ("late", 0, 2)]
    spans = [
        {"name": name, "service": "s", "depth": depth, "self_us": us, "failed": name == "b"}
        for name, depth, us in names
    ]
    body = """
      const last = m.lastOf(given);
      const merged = m.callTree(given);
      const flat = (node) => [node.name, node.count, node.failed, node.self, node.total, node.children.map(flat)];
      const drawn = m.frames(merged, { least: 0 }).frames;
      return {
        last: [...last], parents: [...m.parentsOf(given)],
        closed: m.shown(given, last, new Set([1])), all: m.shown(given, last, new Set()).length,
        merged: flat(merged), each: m.callTree(given, { merged: false }).children[0].children.length,
        widths: drawn.map((frame) => [frame.level, frame.x, frame.width]),
        thin: m.frames(merged, { least: 0.2 }).hidden, none: m.frames(m.callTree([])).frames.length,
      };
    """  # noqa: E501
    seen = visit("/admin/about/", lambda page: run(page, "spans.js", body, spans))
    assert seen["last"] == [4, 2, 2, 4, 4, 5]
    assert seen["parents"] == [-1, 0, 1, 0, 3, -1]
    assert seen["closed"] == [0, 1, 3, 4, 5]
    assert seen["all"] == 6
    inner = ["a", 2, 0, 10, 20, [["b", 2, 2, 10, 10, []]]]
    assert seen["merged"][5] == [["root", 1, 0, 10, 30, [inner]], ["late", 1, 0, 2, 2, []]]
    assert seen["each"] == 2
    assert seen["thin"] == 1
    assert seen["none"] == 1
    for level, x, width in seen["widths"]:
        assert 0 <= x <= x + width <= 1 + 1e-9, (level, x, width)


def test_a_trace_deeper_than_any_stack_is_no_trouble(visit):
    spans = [
        {"name": f"n{depth}", "service": "s", "depth": depth, "self_us": 1, "failed": False}
        for depth in range(20_000)
    ]
    body = "return [m.callTree(given).total, m.lastOf(given)[0], m.shown(given, m.lastOf(given), new Set([0])).length];"  # noqa: E501
    assert visit("/admin/about/", lambda page: run(page, "spans.js", body, spans)) == [
        20_000, 19_999, 1,
    ]  # fmt: skip


def test_a_tracker_tells_state_by_form_and_words_and_no_data_is_never_good(visit):
    states = ["ok", "down", "degraded", "unknown", None, "ok"] * 8
    history = {
        "key": "x", "kept": True, "step_s": 1800,
        "slots": [{"start": f"2026-11-25T{n // 2:02}:00:00Z", "status": state}
                  for n, state in enumerate(states)],
    }  # fmt: skip
    texts = {
        "ok": "OK", "down": "Down", "degraded": "Degraded", "unknown": "Unknown",
        "none": "no data", "slot": "{from} to {to}: {state}", "history": "History of {name}",
        "notKept": "No history of this is kept.",
    }  # fmt: skip
    body = """
      const place = document.createElement("div");
      place.id = "strip";
      document.querySelector(".ph").prepend(place);
      m.drawTracker(place, given.history, "<b>shop</b>", given.texts);
      return [...place.querySelectorAll("g")].map((slot) => slot.innerHTML.replace(/<title.*<.title>/, "").replace(/ x="[^"]*"| d="[^"]*"/g, ""));
    """  # noqa: E501

    def look(page: Page) -> tuple[list[str], list[str]]:
        forms = run(page, "tracker.js", body, {"history": history, "texts": texts})
        strip = page.get_by_role("slider")
        expect(strip).to_have_attribute("aria-label", "History of <b>shop</b>")
        strip.focus()
        told = []
        for key in ("End", "ArrowLeft", "ArrowLeft", "Home", "ArrowRight"):
            page.keyboard.press(key)
            told.append((strip.get_attribute("aria-valuetext") or "").rpartition(": ")[2])
        keep(page, "tracker-light")
        darken(page)
        keep(page, "tracker-dark")
        return forms, told

    # A page that loads the stylesheet of lists.
    forms, told = visit("/admin/logs/", look)
    assert told == ["OK", "no data", "Unknown", "OK", "Down"]
    # Five states, five forms, colour aside.
    assert len({json.dumps(form) for form in forms}) == 5


def test_a_component_without_a_history_says_so(visit):
    body = """
      const place = document.createElement("div");
      m.drawTracker(place, { kept: false, slots: [], step_s: 1 }, "web", { notKept: "None is kept." });
      return place.textContent;
    """  # noqa: E501
    look = lambda page: run(page, "tracker.js", body)  # noqa: E731
    assert visit("/admin/about/", look) == "None is kept."
