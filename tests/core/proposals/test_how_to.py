"""The page on adding a kind, followed to the letter: its code runs, and does what it says."""

import re
import sys
from collections.abc import Iterator

import pytest
from django.apps import AppConfig

from apps.core.proposals import kinds as registry
from apps.core.proposals.services import decide
from tests.conftest import PROJECT
from tests.core.proposals.conftest import again, work
from tests.core.proposals.kinds import sql

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = PROJECT / "docs" / "how-to" / "add-a-proposal-kind.md"


@pytest.fixture
def statistics(tmp_path, monkeypatch) -> Iterator[object]:
    """The app of the page, as files; the name hides the standard library's for as long."""
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert [name for name, _code in blocks] == [
        "statistics/kinds.py", "statistics/apps.py", "statistics/detector.py",
    ]  # fmt: skip
    for name, code in blocks:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
    (tmp_path / "statistics" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name == "statistics"}
    AppConfig.create("statistics.apps.StatisticsConfig").ready()
    from statistics import detector

    yield detector
    registry.unregister("postgresql.statistics_target")
    for name in [name for name in sys.modules if name.split(".")[0] == "statistics"]:
        del sys.modules[name]
    sys.modules.update(hidden)


@pytest.fixture
def table() -> Iterator[None]:
    """A column whose few values are of very different frequency, and one whose are not."""
    sql("CREATE TABLE loop_skewed (word int, id int)")
    sql("INSERT INTO loop_skewed SELECT w, n FROM generate_series(1, 60) w,"
        " generate_series(1, 6000 / w) n")  # fmt: skip
    sql("ALTER TABLE loop_skewed ALTER word SET STATISTICS 1")
    sql("ALTER TABLE loop_skewed ADD COLUMN even int DEFAULT 7")
    sql("ANALYZE loop_skewed")
    yield
    sql("DROP TABLE loop_skewed")


def target_of(column: str) -> list[tuple[int | None]]:
    return sql(
        "SELECT attstattarget FROM pg_attribute"
        " WHERE attrelid = 'loop_skewed'::regclass AND attname = %s", [column],
    )  # fmt: skip


def test_the_kind_of_the_page_is_kept_where_it_helps(statistics, table, ann):
    made = statistics.look("loop_skewed.word", 120.0)
    assert made.created
    assert not statistics.look("loop_skewed.word", 120.0).created
    proposal = decide.approve(made.proposal.pk, ann, made.proposal.plan_hash)
    work()
    assert again(proposal).state == "kept", (proposal.failure, proposal.gain, proposal.before)
    assert proposal.gain["low"] > 0.3
    assert target_of("word") == [(1000,)]


def test_the_kind_of_the_page_is_put_back_where_it_does_not(statistics, table, ann):
    sql("UPDATE loop_skewed SET even = mod(id, 50)")
    sql("ANALYZE loop_skewed")
    before = target_of("even")
    made = statistics.look("loop_skewed.even", 1.0)
    proposal = decide.approve(made.proposal.pk, ann, made.proposal.plan_hash)
    work()
    assert again(proposal).state == "rolled_back", (proposal.gain, proposal.before, proposal.after)
    assert proposal.outcome in ("no_gain", "not_measurable", "harmed")
    after = target_of("even")
    assert after == before or {before[0][0], after[0][0]} == {None, -1}
