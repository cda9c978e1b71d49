"""Which index a statement asks for, read from its conditions."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

_LIST: Final = re.compile(r"\(\s*\?\s*,\s*\.\.\.\s*\)")
_LONGEST_NAME: Final = 63
_MOST_COLUMNS: Final = 4
_RANGES: Final = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)


@dataclass(frozen=True, slots=True)
class Index:
    """An index that would serve a statement. `text_search` means trigrams over one column."""

    table: str
    columns: tuple[str, ...]
    text_search: bool = False

    @property
    def sql(self) -> str:
        """The statement that makes it without keeping writers waiting."""
        table = _quoted(self.table)
        if self.text_search:
            return (
                f"CREATE INDEX CONCURRENTLY {_quoted(self.name)} ON {table}"
                f" USING gin (upper({_quoted(self.columns[0])}) gin_trgm_ops);"
            )
        columns = ", ".join(_quoted(column) for column in self.columns)
        return f"CREATE INDEX CONCURRENTLY {_quoted(self.name)} ON {table} ({columns});"

    @property
    def django(self) -> str:
        """The same in the `Meta` of the model."""
        if self.text_search:
            return (
                f'GinIndex(OpClass(Upper("{self.columns[0]}"), name="gin_trgm_ops"),'
                f' name="{self.name}")'
            )
        # A foreign key's column is named after its field.
        fields = ", ".join(f'"{column.removesuffix("_id")}"' for column in self.columns)
        return f'models.Index(fields=[{fields}], name="{self.name}")'

    @property
    def name(self) -> str:
        """Within PostgreSQL's 63 bytes, and Django's 30 where it fits."""
        name = "_".join((self.table.rpartition(".")[2], *self.columns, "idx"))
        if len(name.encode()) <= _LONGEST_NAME:
            return name
        return f"{name[:40]}_{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}_idx"


@lru_cache(maxsize=512)
def suggest(statement: str) -> Index | None:
    """The index for the most restricted table of a statement; None when none would help.

    Columns compared for equality come first, then one that is compared for range, else those that
    order the result: the order a btree can use.
    """
    try:
        tree = sqlglot.parse_one(_LIST.sub("(?)", statement).replace("%s", "?"), read="postgres")
    except (SqlglotError, RecursionError):
        return None
    wheres = list(tree.find_all(exp.Where)) if isinstance(tree, exp.Expr) else []
    tables = _tables(tree)
    if not wheres or not tables:
        return None
    equal: defaultdict[str, list[str]] = defaultdict(list)
    ranged: defaultdict[str, list[str]] = defaultdict(list)
    searched: defaultdict[str, list[str]] = defaultdict(list)
    for where in wheres:
        for condition in _conditions(where.this):
            _sort(condition, tables, equal, ranged, searched)
    return _best(tree, tables, equal, ranged, searched)


def _best(
    tree: exp.Expr, tables: dict[str, str], equal: dict[str, list[str]],
    ranged: dict[str, list[str]], searched: dict[str, list[str]],
) -> Index | None:  # fmt: skip
    asked = {*equal, *ranged}
    if asked:
        table = max(asked, key=lambda t: (len(equal.get(t, ())), len(ranged.get(t, ())), t))
        last = ranged.get(table, [])[:1] or _ordering(tree, tables, table)
        columns = tuple(dict.fromkeys([*equal.get(table, ()), *last]))[:_MOST_COLUMNS]
        # The primary key has its index.
        return None if columns == ("id",) or columns[:1] == ("id",) else Index(table, columns)
    for table, columns_ in searched.items():
        return Index(table, (columns_[0],), text_search=True)
    return None


def _tables(tree: exp.Expr) -> dict[str, str]:
    """Real tables by the name the statement calls them."""
    named = {cte.alias for cte in tree.find_all(exp.CTE)}
    found: dict[str, str] = {}
    for table in tree.find_all(exp.Table):
        if table.name and table.name not in named:
            whole = f"{table.db}.{table.name}" if table.db else table.name
            found.setdefault(table.alias or table.name, whole)
    return found


def _conditions(node: exp.Expr) -> Iterator[exp.Expr]:
    """What must hold together; alternatives serve no single index."""
    if isinstance(node, exp.And):
        yield from _conditions(node.left)
        yield from _conditions(node.right)
    elif isinstance(node, exp.Paren):
        yield from _conditions(node.this)
    else:
        yield node


def _sort(
    condition: exp.Expr, tables: dict[str, str], equal: dict[str, list[str]],
    ranged: dict[str, list[str]], searched: dict[str, list[str]],
) -> None:  # fmt: skip
    left, right = condition.this, condition.args.get("expression")
    if isinstance(condition, exp.Like | exp.ILike):
        columns = list(left.find_all(exp.Column)) if left is not None else []
        if columns and (table := _table(columns[0], tables)):
            searched[table].append(columns[0].name)
        return
    column = left if isinstance(left, exp.Column) else right
    other = right if column is left else left
    # Two columns compared are a join.
    if not isinstance(column, exp.Column) or isinstance(other, exp.Column):
        return
    table = _table(column, tables)
    if table is None:
        return
    if isinstance(condition, exp.EQ | exp.In | exp.Is):
        equal[table].append(column.name)
    elif isinstance(condition, _RANGES):
        ranged[table].append(column.name)


def _table(column: exp.Column, tables: dict[str, str]) -> str | None:
    if column.table:
        return tables.get(column.table)
    return next(iter(tables.values())) if len(tables) == 1 else None


def _ordering(tree: exp.Expr, tables: dict[str, str], table: str) -> list[str]:
    order = tree.args.get("order")
    if order is None or tree.args.get("limit") is None:
        return []
    found = []
    for ordered in order.expressions:
        column = ordered.this
        if not isinstance(column, exp.Column) or _table(column, tables) != table:
            break
        found.append(column.name)
    return found


def _quoted(name: str) -> str:
    return ".".join(
        part if re.fullmatch(r"[a-z_][a-z0-9_$]*", part) else '"' + part.replace('"', '""') + '"'
        for part in name.split(".")
    )
