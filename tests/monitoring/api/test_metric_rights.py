"""Who may ask for labels, costs and objectives, and who may drop a metric."""

from apps.monitoring.models import DropRule
from apps.monitoring.services import drops
from tests.rights import PermissionMatrix


class TestWhoMayReadLabels(PermissionMatrix):
    path, permissions = "/admin/monitoring/metrics/labels?name=m", ["monitoring.view_metric"]


class TestWhoMayReadLabelValues(PermissionMatrix):
    path = "/admin/monitoring/metrics/values?name=m&label=k"
    permissions = ["monitoring.view_metric"]


class TestWhoMayReadCosts(PermissionMatrix):
    path, permissions = "/admin/monitoring/metrics/costs", ["monitoring.view_metriccost"]


class TestWhoMayReadObjectives(PermissionMatrix):
    path, permissions = "/admin/monitoring/objectives", ["monitoring.view_objective"]


class TestWhoMayReadDropRules(PermissionMatrix):
    path, permissions = "/admin/monitoring/metrics/drops", ["monitoring.view_droprule"]


class TestWhoMayDropAMetric(PermissionMatrix):
    path, method, scope, status = "/admin/monitoring/metrics/drops", "POST", "operate", 201
    permissions, body = ["monitoring.add_droprule"], {"name": "m", "reason": "nobody reads it"}


class TestWhoMayTakeAMetricIn(PermissionMatrix):
    path, method, scope, status = "/admin/monitoring/metrics/drops/a/b", "DELETE", "operate", 204
    permissions = ["monitoring.delete_droprule"]

    def prepare(self):
        if not DropRule.objects.filter(name="a/b").exists():
            drops.drop("a/b", "somebody")
