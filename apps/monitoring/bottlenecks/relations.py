"""Which relation of which model a repeated query follows, guessed from tables and columns."""

import re
from dataclasses import dataclass
from typing import Final

_TABLE: Final = re.compile(r'\bFROM\s+(?:ONLY\s+)?"?([\w$]+)"?', re.IGNORECASE)
_WHERE: Final = re.compile(
    r'\bWHERE\s+\(?\s*(?:"?[\w$]+"?\.)?"?([\w$]+)"?\s*(?:=|IN\b)', re.IGNORECASE
)
_JOIN: Final = re.compile(r'\bINNER JOIN\s+"?([\w$]+)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Relation:
    """`Model.objects.select_related("name")`, or `prefetch_related` when `many`."""

    model: str
    name: str
    many: bool

    @property
    def django(self) -> str:
        verb = "prefetch_related" if self.many else "select_related"
        return f'{self.model}.objects.{verb}("{self.name}")'


def guess(repeated: str, source: str) -> Relation | None:
    """The relation from the rows of `source` to those of `repeated`; None when nothing tells.

    A row found by its own key was pointed at: a foreign key. Rows found by a key that points back
    are many.
    """
    table, column = _TABLE.search(repeated), _WHERE.search(repeated)
    if table is None or column is None:
        return None
    origin = _TABLE.search(source)
    model = _model(origin[1]) if origin else "Model"
    name = _word(table[1])
    if column[1].lower() in ("id", "pk", "uuid"):
        return Relation(model, name, many=False)
    if _JOIN.search(repeated):
        return Relation(model, f"{name}s", many=True)
    if column[1].lower().endswith("_id"):
        return Relation(model, f"{name}_set", many=True)
    return None


def _word(table: str) -> str:
    """Django names tables `<app>_<model>`."""
    return table.partition("_")[2] or table


def _model(table: str) -> str:
    return "".join(part.capitalize() for part in _word(table).split("_"))
