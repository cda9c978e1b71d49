"""Proposals in the admin: a list, one page each, and buttons that call the services."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from apps.core.errors import NotFoundError, PortalError
from apps.core.proposals import kinds, queries
from apps.core.proposals.face.choices import choices, missing
from apps.core.proposals.face.figures import figure, gain_figure
from apps.core.proposals.models import Proposal
from apps.core.proposals.models.words import MOVES
from apps.core.proposals.services import decide, rules

STATE_COLOURS = {
    "proposed": "info", "approved": "info", "applying": "warning", "measuring": "warning",
    "rolling_back": "warning", "kept": "success", "rolled_back": "warning", "failed": "danger",
    # Without a colour the skin would show the key, not the word.
    "rejected": "default", "expired": "default", "void": "default",
}  # fmt: skip
RISK_COLOURS = {"low": "success", "medium": "warning", "high": "danger"}
_Verb = Callable[[str, Any, str, str], Proposal]
_VERBS: dict[str, _Verb] = {
    "approve": decide.approve,
    "reject": lambda pk, by, _hash, why: decide.reject(pk, by, why),
    "apply": lambda pk, by, _hash, _why: decide.apply_now(pk, by),
    "rollback": lambda pk, by, _hash, why: decide.roll_back(pk, by, why),
    "resolve-kept": lambda pk, by, _hash, why: decide.resolve(pk, by, kept=True, reason=why),
    "resolve-undone": lambda pk, by, _hash, why: decide.resolve(pk, by, kept=False, reason=why),
}


class KindFilter(admin.SimpleListFilter):
    """By registered kind: the rows are not asked which there are."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """Every kind."""
        return [(kind.key, kind.label) for kind in kinds.all_kinds()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        """Only the chosen one."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Proposal)
class ProposalAdmin(ModelAdmin):  # type: ignore[misc]
    """Changes to someone's system, newest first."""

    list_display = ("title", "target", "risk_shown", "state_shown", "gain_shown", "author_name",
                    "created_at")  # fmt: skip
    list_filter = ("state", "risk", KindFilter)
    search_fields = ("target__startswith", "title__startswith")
    ordering = ("-created_at", "-id")
    sortable_by = ()
    show_full_result_count = False
    list_per_page = 50
    list_before_template = "proposals/before_list.html"

    @display(description=_("Risk"), label=RISK_COLOURS)  # type: ignore[untyped-decorator]
    def risk_shown(self, row: Proposal) -> tuple[str, str]:
        """A coloured word."""
        return row.risk, row.get_risk_display()

    @display(description=_("State"), label=STATE_COLOURS)  # type: ignore[untyped-decorator]
    def state_shown(self, row: Proposal) -> tuple[str, str]:
        """A coloured word."""
        return row.state, row.get_state_display()

    @admin.display(description=_("Measured gain"))
    def gain_shown(self, row: Proposal) -> str:
        """The gain; a dash while none is measured."""
        if row.gain is None:
            return "–"
        unit = (row.predicted or {}).get("unit", "")
        return figure(row.gain["value"], unit, relative=row.gain["relative"])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Proposal]:  # noqa: ARG002
        """Without the plans, which a list does not show."""
        return queries.listing()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, below what an operator has to know first."""
        about = {
            "stopped": rules.stopped(),
            "may_stop": request.user.has_perm("core.change_loopswitch"),
            "empty": not Proposal.objects.exists(),
            "kinds": kinds.all_kinds(),
        }
        found: HttpResponse = super().changelist_view(request, {**about, **(extra_context or {})})
        return found

    def change_view(
        self, request: HttpRequest, object_id: str, *_args: Any, **_kwargs: Any
    ) -> HttpResponse:
        """One proposal: looked at and decided on, never edited."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            found = queries.detail(decide.find(object_id))
        except NotFoundError:
            raise Http404 from None
        request.current_app = self.admin_site.name
        shell = self.admin_site.each_context(request)
        return TemplateResponse(
            request, "proposals/proposal.html", {**shell, **_shown(request, found)}
        )

    def get_urls(self) -> list[URLPattern]:
        """Django's, and the verbs."""
        guard = self.admin_site.admin_view
        switch, verb = require_POST(guard(self._switch)), require_POST(guard(self._decide))
        *theirs, rest = super().get_urls()
        # Their last one redirects everything else; `change/` and `history/` stay theirs.
        return [
            path("switch/", switch, name="core_proposal_switch"),
            *theirs,
            path("<str:object_id>/<str:verb>/", verb, name="core_proposal_decide"),
            rest,
        ]

    def _decide(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        if verb not in _VERBS:
            raise Http404
        plan_hash, reason = (request.POST.get(name, "") for name in ("plan_hash", "reason"))
        try:
            done = _VERBS[verb](object_id, request.user, plan_hash, reason)
        except NotFoundError:
            raise Http404 from None
        except PortalError as error:
            self.message_user(request, error.words, messages.ERROR)
        else:
            text = gettext("Done. The proposal is now: %(state)s.") % {
                "state": done.get_state_display()
            }
            self.message_user(request, text, messages.SUCCESS)
        return redirect("admin:core_proposal_change", object_id)

    def _switch(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("core.change_loopswitch"):
            raise PermissionDenied
        stop = request.POST.get("stop") == "1"
        rules.switch(request.user.get_username(), request.POST.get("reason", ""), stop=stop)
        return redirect("admin:core_proposal_changelist")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Detectors and services propose."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """What was proposed stays."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """History stays."""
        return False


def _shown(request: HttpRequest, found: queries.Detail) -> dict[str, Any]:
    user, proposal = request.user, found.proposal
    assert isinstance(user, User)
    unit = (proposal.predicted or {}).get("unit", "")
    return {
        "title": proposal.title,
        "detail": found,
        "proposal": proposal,
        "evidence": [
            {**item, "shown": figure(item["value"], item["unit"])} for item in proposal.evidence
        ],
        "plan": _pretty(proposal.plan),
        "rollback_plan": _pretty(proposal.rollback_plan),
        "does": found.does.splitlines(),
        "undoes": found.undoes.splitlines(),
        "gain": gain_figure(proposal.predicted, proposal.gain),
        "events": [(event, _words(event.move)) for event in found.events],
        "windows": [
            (name, figure(window["value"], unit), window["samples"])
            for name, window in (
                (gettext("Before"), proposal.before),
                (gettext("After"), proposal.after),
            )
            if window
        ],
        "missing": missing(found, user),
        "choices": choices(found, user),
        "stopped": rules.stopped(),
    }


def _words(move: str) -> Any:
    return dict(MOVES).get(move, move)


def _pretty(plan: Any) -> str:
    return json.dumps(plan, indent=2, sort_keys=True, ensure_ascii=False)
