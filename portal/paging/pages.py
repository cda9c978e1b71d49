"""Why somebody was, or was not, told of an alert; and where an alert with given labels goes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.alerts import matchers
from apps.alerts.models import Episode, Receiver
from apps.alerts.routing import tree
from apps.alerts.routing.tree import Node
from apps.alerts.routing.why import Step, why
from apps.alerts.routing.words import ANSWERS, KINDS, what
from apps.core.errors import InvalidInputError
from portal.evidence.guard import in_shell
from portal.pages import render

_LONGEST = 2000


@dataclass(frozen=True)
class Line:
    """One step of the story, as it is shown."""

    step: Step
    kind: Any
    words: Any
    tone: str
    note: str


@dataclass(frozen=True)
class Branch:
    """One route, as it is shown. `taken`: labels that were asked about go here."""

    node: Node
    depth: int
    receiver: str
    conditions: str
    taken: bool


@in_shell("alerts.view_episode")
def why_page(request: HttpRequest, episode: UUID) -> HttpResponse:
    """The whole story of one episode."""
    row = Episode.objects.select_related("rule").filter(pk=episode).first()
    if row is None:
        raise Http404
    told = why(row)
    context = {
        "title": _("Why was I (not) told?"),
        "told": told,
        "answer": ANSWERS[told.answer],
        "reason": what(told.reason),
        "lines": [_line(step) for step in told.steps],
        "routes": [" › ".join(path) for path in told.routes if path],
        "scope": ", ".join(f"{key}={value}" for key, value in sorted(row.labels.items())),
    }
    return render(request, "pages/why.html", context)


def _line(step: Step) -> Line:
    detail = step.detail
    tone = {
        "suppressed": "warn", "unrouted": "bad", "failed": "bad", "skipped": "dim",
        "notified": "ok",
    }.get(str(detail.get("verdict", "")), "")  # fmt: skip
    if step.kind == "attempt":
        tone = "ok" if step.what == "ok" else "bad"
    notes = [str(detail.get("text") or ""), str(detail.get("error") or "")]
    if detail.get("until"):
        notes.append(
            _("until %(moment)s") % {"moment": str(detail["until"])[:16].replace("T", " ")}
        )
    if detail.get("may_repeat"):
        notes.append(_("may repeat"))
    if detail.get("status_code"):
        notes.append(str(detail["status_code"]))
    note = " · ".join(one for one in notes if one)
    return Line(step, KINDS[step.kind], what(step.what), tone, note)


@in_shell("alerts.view_route")
def routing_page(request: HttpRequest) -> HttpResponse:
    """The tree of routes, and which of them labels would take."""
    typed = request.GET.get("labels", "").replace("\0", "")[:_LONGEST]
    root = tree.load()
    mistake, taken = "", []
    if typed.strip() and root is not None:
        try:
            taken = tree.matching(root, _labels(typed))
        except InvalidInputError as error:
            mistake = str(error.words)
    names = dict(Receiver.objects.values_list("pk", "name"))
    ids = {node.id for node in taken}
    context = {
        "title": _("Routing"),
        "typed": typed,
        "mistake": mistake,
        "asked": bool(typed.strip()) and not mistake,
        "taken": [" › ".join(node.path) for node in taken],
        "branches": list(_branches(root, names, ids)) if root else [],
        "receivers": bool(names),
    }
    return render(request, "pages/routing.html", context, status=400 if mistake else 200)


def _branches(
    node: Node, names: dict[int, str], taken: set[int], depth: int = 0
) -> Iterator[Branch]:
    receiver = names.get(node.options.receiver_id or 0, "")
    yield Branch(node, depth, receiver, matchers.in_words(node.matchers), node.id in taken)
    for child in node.children:
        yield from _branches(child, names, taken, min(depth + 1, 8))


def _labels(typed: str) -> dict[str, str]:
    found = matchers.parse(typed)
    if any(one.op != "=" for one in found):
        raise InvalidInputError(_("Labels of an alert have one value each: name=value."))
    return {one.name: one.value for one in found}
