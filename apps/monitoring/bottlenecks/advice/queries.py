"""Queries: repeats, slow ones, locks and idle transactions."""

from django.utils.translation import gettext as _

from apps.monitoring.bottlenecks import relations
from apps.monitoring.bottlenecks.advice.shape import Advice, Facts, ms
from apps.monitoring.bottlenecks.indexes import suggest


def n_plus_1(subject: str, facts: Facts) -> Advice:
    told = {"calls": facts.get("calls", 0), "mean": ms(facts, "mean_us")}
    why = (
        _("One query was sent %(calls)s times, %(mean)s each, once for each row of another.") % told
    )
    steps = [_("Read the related rows together with the first query.")]
    relation = relations.guess(subject, str(facts.get("source", "")))
    code = [relation.django] if relation else []
    if relation is None:
        steps.append(_("Collect the keys first and ask once with IN or = ANY(…)."))
    if facts.get("at_once"):
        steps.append(_("The repeats run at once: they cost connections more than time."))
    return Advice(why, steps, code)


def mn_plus_1(_subject: str, facts: Facts) -> Advice:
    pattern = [str(text) for text in facts.get("pattern", ())]
    why = _("A group of %(n)s queries ran %(times)s times in the same order, %(total)s in all.") % {
        "n": len(pattern), "times": facts.get("times", 0), "total": ms(facts, "total_us")
    }  # fmt: skip
    found = [relations.guess(text, "") for text in pattern]
    names = [one.name for one in found if one]
    code = []
    if names:
        listed = ", ".join(f'"{name}"' for name in dict.fromkeys(names))
        code = [f"Model.objects.prefetch_related({listed})"]
    steps = [_("Read what the loop needs before it: one query for each of these tables.")]
    return Advice(why, steps, code)


def slow_db(subject: str, facts: Facts) -> Advice:
    why = _("One query took %(took)s of the request.") % {"took": ms(facts, "took_us")}
    index = suggest(subject)
    steps, code = [], []
    if index is not None:
        steps.append(_("If no index begins with these columns, make one; EXPLAIN tells."))
        if index.text_search:
            code.append("CREATE EXTENSION IF NOT EXISTS pg_trgm;")
        code += [index.sql, index.django]
    else:
        steps.append(_("Look at its plan with EXPLAIN (ANALYZE, BUFFERS)."))
    steps.append(_("Where the answer may be a little old, keep it in the cache."))
    return Advice(why, steps, code)


def consecutive_db(_subject: str, facts: Facts) -> Advice:
    why = _("%(calls)s independent queries ran one after the other, %(total)s in all.") % {
        "calls": facts.get("calls", 0), "total": ms(facts, "total_us")
    }  # fmt: skip
    return Advice(why, [_("Join them into one query, or run them at once.")], [])


def cacheable(_subject: str, facts: Facts) -> Advice:
    why = _("%(n)s requests of a minute each ran the very same query, %(total)s in all.") % {
        "n": facts.get("requests", 0), "total": ms(facts, "total_us")
    }  # fmt: skip
    steps = [_("Keep the answer in the cache for as long as it may be old.")]
    return Advice(why, steps, ['cache.get_or_set("key", compute, timeout=60)'])


def lock_wait(subject: str, facts: Facts) -> Advice:
    why = _(
        "The statement waited %(waited)s for rows of %(table)s that %(holder)s of %(service)s held"
        " until its transaction ended."
    ) % {
        "waited": ms(facts, "waited_us"), "table": subject, "holder": facts.get("holder", "?"),
        "service": facts.get("holder_service", "?"),
    }  # fmt: skip
    steps = [
        _("Let the transaction that holds the lock end sooner: take slow work out of it."),
        _("Lock rows last, always in the same order, and only those that change."),
    ]
    return Advice(why, steps, ['queryset.select_for_update(skip_locked=True, of=("self",))'])


def idle(_subject: str, facts: Facts) -> Advice:
    why = _("A transaction stood open for %(open)s, %(idle)s of it without a statement.") % {
        "open": ms(facts, "open_us"), "idle": ms(facts, "idle_us")
    }  # fmt: skip
    if facts.get("meanwhile"):
        why += " " + _("Meanwhile the request waited for %(what)s.") % {"what": facts["meanwhile"]}
    if facts.get("locks"):
        why += " " + _("Rows of %(tables)s stayed locked.") % {"tables": ", ".join(facts["locks"])}
    steps = [_("Do the slow work before the transaction begins, or after it ends.")]
    return Advice(why, steps, ["transaction.on_commit(slow_work)"])
