"""Two kinds on real things, and a counter that tells a blind repeat.

`test.index`    creates an index on the scratch table; what improves is the blocks a lookup touches
`test.options`  sets storage parameters of the scratch table, one step each; PostgreSQL refuses some
`test.counter`  adds to counters, which no repeat survives unseen
"""

from typing import ClassVar

from django.db import connection

from apps.core.errors import InvalidInputError
from apps.core.proposals.kinds import Bounds, Kind, Step, StepState
from apps.core.proposals.machine import Risk
from apps.core.proposals.verdict import Measurement

TABLE = "loop_scratch"


def sql(text, values=()):
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall() if cursor.description else []


class IndexKind(Kind):
    """One index."""

    key = "test.index"
    label = "Index"
    settle_s = window_s = longest_s = 0.0
    least_samples = 5

    def risk(self, plan):
        return Risk(plan.get("risk", "medium"))

    def validate(self, target, plan):
        if plan.get("column") not in ("number", "word"):
            raise InvalidInputError("column has to be number or word.")

    def describe(self, target, plan):
        return f"CREATE INDEX CONCURRENTLY ph_{plan['column']} ON {target} ({plan['column']})"

    def current(self, target):
        rows = sql("SELECT indexdef FROM pg_indexes WHERE tablename = %s ORDER BY 1", [target])
        return {"indexes": [row[0] for row in rows]}

    def rollback_plan(self, target, plan, current):
        return {"drop": f"ph_{plan['column']}"}

    def steps(self, target, plan, rollback):
        do = {"table": target, "column": plan["column"], "index": rollback["drop"]}
        return [Step("create the index", do, dict(rollback))]

    def apply(self, step):
        # What a killed CREATE INDEX CONCURRENTLY leaves is invalid, and in the way.
        sql(f"DROP INDEX IF EXISTS {step.do['index']}")
        sql(f"CREATE INDEX CONCURRENTLY {step.do['index']}"
            f" ON {step.do['table']} ({step.do['column']})")  # fmt: skip

    def state_of(self, step):
        found = sql(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)",
            [step.do["index"]],
        )
        return StepState.DONE if found == [(True,)] else StepState.NOT_DONE

    def undo(self, step):
        sql(f"DROP INDEX IF EXISTS {step.undo['drop']}")

    def measure(self, target, start, end):
        touched = [self._blocks(target, number) for number in range(0, 2000, 200)]
        mean = sum(touched) / len(touched)
        spread = (sum((one - mean) ** 2 for one in touched) / len(touched)) ** 0.5
        return Measurement(mean, len(touched), spread)

    def _blocks(self, target, number):
        plan = sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM {target}"
                   " WHERE number = %s", [number])[0][0][0]["Plan"]  # fmt: skip
        return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


class OptionsKind(Kind):
    """Storage parameters."""

    key = "test.options"
    label = "Storage parameters"
    settle_s = window_s = longest_s = 0.0
    least_samples = 1
    unmeasurable = "keep"

    def risk(self, plan):
        return Risk(plan.get("risk", "low"))

    def validate(self, target, plan):
        if not isinstance(plan.get("options"), dict) or not plan["options"]:
            raise InvalidInputError("options has to name storage parameters.")

    def bounds(self, target):
        return {"scale": Bounds(0.01, 1.0)} if target.endswith("bounded") else {}

    def describe(self, target, plan):
        return "\n".join(f"ALTER TABLE {target} SET ({k}={v})" for k, v in plan["options"].items())

    def current(self, target):
        rows = sql("SELECT unnest(reloptions) FROM pg_class WHERE oid = to_regclass(%s)", [target])
        return dict(sorted(row[0].split("=", 1) for row in rows))

    def rollback_plan(self, target, plan, current):
        return {name: current.get(name) for name in plan["options"]}

    def steps(self, target, plan, rollback):
        return [
            Step(f"set {name}", {"table": target, "name": name, "value": str(value)},
                 {"table": target, "name": name, "value": rollback[name]})
            for name, value in sorted(plan["options"].items())
        ]  # fmt: skip

    def apply(self, step):
        sql(f"ALTER TABLE {step.do['table']} SET ({step.do['name']} = {step.do['value']})")

    def state_of(self, step):
        found = self.current(step.do["table"]).get(step.do["name"])
        return StepState.DONE if found == step.do["value"] else StepState.NOT_DONE

    def undo(self, step):
        table, name, value = (step.undo[key] for key in ("table", "name", "value"))
        change = f"RESET ({name})" if value is None else f"SET ({name} = {value})"
        sql(f"ALTER TABLE {table} {change}")

    def measure(self, target, start, end):
        return Measurement(None, 0)


class CounterKind(Kind):
    """Counters of `loop_counter`. Adding twice is seen by everyone."""

    key = "test.counter"
    label = "Counter"
    settle_s = window_s = longest_s = 0.0
    least_samples = 1
    direction = "increase"
    relative = False
    cool_down_s = 0.0
    # Steps of the plan that fail, by name; what the measured figure is worth.
    failing: ClassVar[set[str]] = set()
    worth: ClassVar[float | None] = 1.0
    holds: ClassVar[bool] = True
    harm: ClassVar[str | None] = None

    def risk(self, plan):
        return Risk(plan.get("risk", "medium"))

    def validate(self, target, plan):
        if not isinstance(plan.get("by"), int):
            raise InvalidInputError("by has to be a whole number.")

    def bounds(self, target):
        return {"by": Bounds(1, 100)}

    def describe(self, target, plan):
        return f"add {plan['by']} to each counter of {target}"

    def current(self, target):
        rows = sql("SELECT name, value FROM loop_counter WHERE target = %s ORDER BY 1", [target])
        return dict(rows)

    def rollback_plan(self, target, plan, current):
        return dict(current)

    def still_holds(self, proposal):
        return self.holds

    def steps(self, target, plan, rollback):
        return [
            Step(name, {"target": target, "name": name, "by": plan["by"], "from": value},
                 {"target": target, "name": name, "value": value})
            for name, value in sorted(rollback.items())
        ]  # fmt: skip

    def apply(self, step):
        if step.name in self.failing:
            raise RuntimeError("password=hunter2 was refused")
        sql("UPDATE loop_counter SET value = value + %s WHERE target = %s AND name = %s",
            [step.do["by"], step.do["target"], step.do["name"]])  # fmt: skip

    def state_of(self, step):
        value = self.current(step.do["target"])[step.name]
        if value == step.do["from"]:
            return StepState.NOT_DONE
        done = value == step.do["from"] + step.do["by"]
        return StepState.DONE if done else StepState.UNKNOWN

    def undo(self, step):
        if f"undo {step.name}" in self.failing:
            raise RuntimeError("the target said no")
        sql("UPDATE loop_counter SET value = %s WHERE target = %s AND name = %s",
            [step.undo["value"], step.undo["target"], step.undo["name"]])  # fmt: skip

    def measure(self, target, start, end):
        if self.worth is None:
            return Measurement(None, 0)
        return Measurement(self.worth * sum(self.current(target).values()), 100, 0.0)

    def guard(self, target, start, end):
        return self.harm


ALL = (IndexKind(), OptionsKind(), CounterKind())
