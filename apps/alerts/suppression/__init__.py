"""What keeps an alert from paging, and why: judged at every flush, the reason always told."""

from apps.alerts.suppression.judge import judge
from apps.alerts.suppression.verdict import Kind, Suppression

__all__ = ["Kind", "Suppression", "judge"]
