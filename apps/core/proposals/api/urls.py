"""Addresses of proposals for programs."""

from django.urls import path

from apps.core.proposals.api import views

_ONE = "admin/proposals/<str:proposal_id>"

urlpatterns = [
    path("admin/proposals", views.ProposalsView.as_view(), name="proposals"),
    path(_ONE, views.ProposalView.as_view(), name="proposal"),
    path(f"{_ONE}/approve", views.ApproveView.as_view(), name="proposal-approve"),
    path(f"{_ONE}/reject", views.RejectView.as_view(), name="proposal-reject"),
    path(f"{_ONE}/apply", views.ApplyView.as_view(), name="proposal-apply"),
    path(f"{_ONE}/rollback", views.RollbackView.as_view(), name="proposal-rollback"),
]
