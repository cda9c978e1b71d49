"""On call: who has the duty when, and how they are reached."""

from apps.alerts.oncall.duty import on_call
from apps.alerts.oncall.reach import contacts

__all__ = ["contacts", "on_call"]
