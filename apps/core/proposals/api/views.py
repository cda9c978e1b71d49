"""See proposals and decide on them."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.api.schema import ErrorSerializer
from apps.core.api.views import Endpoint, ListEndpoint
from apps.core.errors import InvalidInputError
from apps.core.proposals import queries
from apps.core.proposals.api.serializers import (
    ApproveSerializer,
    ProposalDetailSerializer,
    ProposalFilterSerializer,
    ProposalSerializer,
    ReasonSerializer,
    StartSerializer,
)
from apps.core.proposals.models import Proposal
from apps.core.proposals.services import decide

_NO: Any = {403: ErrorSerializer, 404: ErrorSerializer}
_REFUSED: Any = {200: ProposalSerializer, 400: ErrorSerializer, 409: ErrorSerializer, **_NO}


class ProposalsView(ListEndpoint):
    """Proposals, newest first."""

    parameters = ProposalFilterSerializer
    item = ProposalSerializer
    order = ("-created_at", "-id")
    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "core.view_proposal"}

    def rows(self, request: Request, asked: dict[str, Any]) -> QuerySet[Proposal]:  # noqa: ARG002
        """Those that pass the filters."""
        names = ("state", "kind", "risk", "target")
        return queries.listing(**{name: asked.get(name) for name in names})


class ProposalView(Endpoint):
    """One proposal: evidence, plan, approvals, measurements, history."""

    required_scopes: ClassVar = {"GET": "read"}
    required_permissions: ClassVar = {"GET": "core.view_proposal"}

    @extend_schema(responses={200: ProposalDetailSerializer, **_NO})
    def get(self, request: Request, proposal_id: str) -> HttpResponse:  # noqa: ARG002
        """All of it."""
        found = queries.detail(decide.find(proposal_id))
        return self.reply(ProposalDetailSerializer(found).data)


class _Decision(Endpoint):
    """A verb of people. A key that may operate is told that it is nobody (403)."""

    body: ClassVar[type[serializers.Serializer[Any]]]
    required_scopes: ClassVar = {"POST": "operate"}

    def decided(self, request: Request, verb: Callable[..., Proposal], pk: str) -> HttpResponse:
        """Read the body, do it, and show the proposal as it stands now."""
        if not isinstance(request.data, Mapping):
            raise InvalidInputError("The body is a JSON object.")
        said = self.body(data=request.data)
        said.is_valid(raise_exception=True)
        done = verb(pk, request.user, **said.validated_data)
        return self.reply(ProposalSerializer(done).data)


class ApproveView(_Decision):
    """Approve the plan with this hash."""

    body = ApproveSerializer
    required_permissions: ClassVar = {"POST": "core.approve_proposal"}

    @extend_schema(request=ApproveSerializer, responses=_REFUSED)
    def post(self, request: Request, proposal_id: str) -> HttpResponse:
        """409 names the current hash where another plan stands, or says what has drifted."""
        return self.decided(request, decide.approve, proposal_id)


class RejectView(_Decision):
    """Turn a proposal down."""

    body = ReasonSerializer
    required_permissions: ClassVar = {"POST": "core.reject_proposal"}

    @extend_schema(request=ReasonSerializer, responses=_REFUSED)
    def post(self, request: Request, proposal_id: str) -> HttpResponse:
        """With a reason."""
        return self.decided(request, decide.reject, proposal_id)


class ApplyView(_Decision):
    """Start an approved change now."""

    body = StartSerializer
    required_permissions: ClassVar = {"POST": "core.apply_proposal"}

    @extend_schema(request=None, responses=_REFUSED)
    def post(self, request: Request, proposal_id: str) -> HttpResponse:
        """The worker takes it up; the answer does not wait for it."""
        return self.decided(request, decide.apply_now, proposal_id)


class RollbackView(_Decision):
    """Put back what was changed."""

    body = ReasonSerializer
    required_permissions: ClassVar = {"POST": "core.rollback_proposal"}

    @extend_schema(request=ReasonSerializer, responses=_REFUSED)
    def post(self, request: Request, proposal_id: str) -> HttpResponse:
        """The worker takes it up; the answer does not wait for it."""
        return self.decided(request, decide.roll_back, proposal_id)
