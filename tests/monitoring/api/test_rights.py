"""Who may call the monitoring API, and what its lists cost."""

import pytest

from tests.rights import PermissionMatrix


class TestWhoMayReadSeries(PermissionMatrix):
    path, permissions = "/admin/monitoring/metrics", ["monitoring.view_metric"]


class TestWhoMayReadTheCatalogue(PermissionMatrix):
    path, permissions = "/admin/monitoring/metrics/names", ["monitoring.view_metric"]


class TestWhoMayReadComponents(PermissionMatrix):
    path, permissions = "/admin/monitoring/components", ["monitoring.view_collectorstate"]


# The catalogue is one statement on psycopg's own cursor, which Django does not count.
@pytest.mark.parametrize(("path", "queries"), [("metrics/names", 0), ("components", 3)])
def test_a_list_costs_a_fixed_number_of_queries(
    load, reader, django_assert_num_queries, path, queries
):
    for query in ({}, {"page_size": 100}, {"page": 2, "page_size": 1}, {"total": "exact"}):
        reader.get(f"/admin/monitoring/{path}", query)
        with django_assert_num_queries(queries):
            assert reader.get(f"/admin/monitoring/{path}", query).status_code == 200


@pytest.mark.parametrize("path", ["metrics/names", "components"])
def test_a_list_has_pages_cursors_and_exports(load, reader, path):
    address = f"/admin/monitoring/{path}"
    every = reader.get(address, {"page_size": 100}).json()["items"]
    walked, cursor = [], {}
    while cursor is not None:
        page = reader.get(address, {"page_size": 1, **cursor}).json()
        walked += page["items"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    fields = [key for key in every[0] if key not in ("age_s", "checked_at")]

    def steady(rows):
        return [[row[key] for key in fields] for row in rows]

    assert steady(walked) == steady(every)
    assert len(every) > 1
    table = b"".join(reader.get(address, {"format": "csv"}).streaming_content)
    assert table.count(b"\r\n") == len(every) + 1


class TestWhoMayReadRetention(PermissionMatrix):
    path, permissions = "/admin/monitoring/retention", ["monitoring.view_samplingpolicy"]


class TestWhoMayReadTheDaysKept(PermissionMatrix):
    path, permissions = "/admin/monitoring/retention/days", ["monitoring.view_samplingpolicy"]
