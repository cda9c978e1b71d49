"""`python -m examples.shop.pager PORT`: somebody's pager, as a page and in the terminal.

It takes the portal's webhook, checks nothing (it is a demo) and shows what came, newest first.
"""

import html
import json
import sys
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_SHOWN = 50
_COLOURS = {"critical": "#b91c1c", "warning": "#b45309", "resolved": "#15803d"}
_pages: deque[dict[str, Any]] = deque(maxlen=_SHOWN)


class Pager(BaseHTTPRequestHandler):
    """POST /page takes a message, GET /pages gives all as JSON, anything else shows them."""

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), 1_000_000)
        try:
            message = json.loads(self.rfile.read(length))
            known = {page.get("id") for page in _pages}
            if message.get("id") not in known:
                _pages.appendleft(message)
                print(f"PAGE  {headline(message)}", flush=True)
        except (ValueError, AttributeError):
            self._answer(400, "text/plain", "not a message")
            return
        self._answer(200, "text/plain", "taken")

    def do_GET(self) -> None:
        if self.path == "/health":
            self._answer(200, "text/plain", "ok")
        elif self.path == "/pages":
            self._answer(200, "application/json", json.dumps(list(_pages)))
        else:
            self._answer(200, "text/html; charset=utf-8", page())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it)
        """Nothing: pages are what is worth a line."""

    def _answer(self, status: int, kind: str, body: str) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def headline(message: dict[str, Any]) -> str:
    """One line: what happened to which rule, with the figure that says so."""
    rule = message.get("rule") or {}
    word = str(message.get("purpose", ""))
    if word == "firing":
        word = str(message.get("severity", ""))
    parts = [f"{word.upper()} {rule.get('name', '')}".strip()]
    for one in message.get("breaches", [])[:1]:
        where = ", ".join(str(value) for value in (one.get("labels") or {}).values())
        value, limit = (_figure(one, one.get(name)) for name in ("value", "threshold"))
        parts += [where, f"{value} (threshold {limit})"]
    return " — ".join(filter(None, parts))


def _figure(breach: dict[str, Any], value: Any) -> str:
    if not isinstance(value, int | float):
        return "no figure"
    if breach.get("aggregation") == "ratio":
        return f"{value:.0%}"
    unit = str(breach.get("unit") or "")
    return f"{value:.4g} {unit}".strip() if unit != "1" else f"{value:.4g}"


def page() -> str:
    """The pager as one HTML page that reloads itself."""
    items = "".join(_item(one) for one in _pages) or "<p>No page yet. Switch a fault on.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pager</title>'
        '<meta http-equiv="refresh" content="3"><meta name="viewport" content="width=device-width">'
        "<style>body{font:15px/1.5 system-ui;margin:2rem auto;max-width:44rem;padding:0 1rem;"
        "background:#0f172a;color:#e2e8f0}article{background:#1e293b;border-left:6px solid;"
        "border-radius:6px;padding:.8rem 1rem;margin:1rem 0}a{color:#7dd3fc}"
        "small{color:#94a3b8}</style></head><body><h1>Pager</h1>" + items + "</body></html>"
    )


def _item(message: dict[str, Any]) -> str:
    purpose = str(message.get("purpose", ""))
    tone = "resolved" if purpose == "resolved" else str(message.get("severity", ""))
    colour = _COLOURS.get(tone, "#64748b")
    links = {"open": message.get("url"), **(message.get("links") or {})}
    shown = " · ".join(
        f'<a href="{html.escape(str(link))}">{html.escape(name)}</a>'
        for name, link in links.items()
        if str(link or "").startswith(("http://", "https://"))
    )
    since = html.escape(str(message.get("since", "")))
    return (
        f'<article style="border-color:{colour}"><strong>{html.escape(headline(message))}</strong>'
        f"<br><small>{since}</small><br>{shown}</article>"
    )


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Pager)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
