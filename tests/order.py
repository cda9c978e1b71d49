"""Pytest plugin: the longest modules first, each as one piece.

What a worker still has to do when the others have nothing left is wasted time, so the long modules
must not come last; and a module's servers are started once only when its tests stay together.
Run with `--dist loadfile --no-loadscope-reorder`, which keep this order.
"""

from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
# Longest first, down to about ten seconds on a quiet machine.
LONG: Final = (
    "setup/test_run", "face/test_browser", "face/test_csp", "face/test_empty_and_full",
    "core/api/test_fuzz", "shop/test_drill", "shop/test_shop", "core/api/test_routes",
    "shop/test_bottlenecks", "face/test_table", "face/test_trace_pages",
    "core/proposals/test_browser", "core/live/test_two_servers", "monitoring/intake/test_kills",
    "face/test_kit", "face/test_alert_pages", "core/proposals/test_machine", "core/test_health",
    "face/test_oncall_pages", "face/test_admin", "face/test_hostile_text", "setup/test_refusals",
    "face/test_metrics_pages", "core/api/test_how_to", "alerts/test_admin", "core/live/test_socket",
    "face/test_live_client", "core/test_login", "core/proposals/test_pages", "face/test_logs_page",
    "monitoring/intake/test_http", "monitoring/store/test_crash", "face/test_add_a_page",
    "alerts/test_evaluation", "core/live/test_sharing", "core/delivery/test_headers",
    "core/proposals/test_crash", "face/test_bottlenecks", "monitoring/store/test_rollups",
    "face/test_evidence", "face/test_incidents", "alerts/routing/test_flush",
    "monitoring/forward/test_sender", "face/test_screens", "core/batch/test_hostile",
    "alerts/test_outage", "core/proposals/test_worker", "face/test_alert_board",
    "monitoring/recorder/test_tasks", "core/ratelimit/test_windows", "face/test_rule_editor",
    "alerts/routing/test_storm", "face/test_trace_page", "alerts/suppression/test_api",
    "core/delivery/test_static", "alerts/test_crash", "alerts/foreign/test_real",
    "face/test_performance", "face/test_lists_kit", "shop/test_start",
    "monitoring/prometheus/test_real", "alerts/test_end_to_end", "alerts/test_escalation_crash",
)  # fmt: skip
_PLACE: Final = {TESTS / f"{name}.py": place for place, name in enumerate(LONG)}
assert all(path.is_file() for path in _PLACE), "tests/order.py names a module that is gone"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order whole modules; the others, and the tests of each, stay as they are."""
    first: dict[Path, int] = {}
    for number, item in enumerate(items):
        first.setdefault(item.path, number)
    items.sort(key=lambda item: (_PLACE.get(item.path, len(LONG)), first[item.path]))
