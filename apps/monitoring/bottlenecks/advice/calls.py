"""Other services, caches, and the route itself."""

from django.utils.translation import gettext as _

from apps.monitoring.bottlenecks.advice.shape import Advice, Facts, ms


def n_plus_1_cache(_subject: str, facts: Facts) -> Advice:
    why = _("The cache was asked %(calls)s times, %(total)s in all.") % {
        "calls": facts.get("calls", 0), "total": ms(facts, "total_us")
    }  # fmt: skip
    return Advice(why, [_("Read all keys with one command.")], ["cache.get_many(keys)"])


def n_plus_1_api(subject: str, facts: Facts) -> Advice:
    why = _("%(subject)s was called %(calls)s times, %(mean)s each.") % {
        "subject": subject, "calls": facts.get("calls", 0), "mean": ms(facts, "mean_us")
    }  # fmt: skip
    steps = [
        _("Ask for all items with one call, if the service offers it."),
        _("Otherwise call at once, with a bound on how many."),
    ]
    return Advice(why, steps, [])


def consecutive_http(_subject: str, facts: Facts) -> Advice:
    why = _("%(calls)s calls waited for each other, %(total)s in all.") % {
        "calls": facts.get("calls", 0), "total": ms(facts, "total_us")
    }  # fmt: skip
    return Advice(why, [_("Send the calls that do not need each other's answers at once.")], [])


def slow_downstream(subject: str, facts: Facts) -> Advice:
    told = {"subject": subject, "took": ms(facts, "took_us")}
    why = _("The request waited for %(subject)s, which took %(took)s.") % told
    steps = []
    if facts.get("culprit"):
        where = {
            "name": facts["culprit"], "service": facts.get("culprit_service", ""),
            "us": ms(facts, "culprit_us"),
        }  # fmt: skip
        why += " " + _("There %(us)s went into %(name)s of %(service)s.") % where
        steps.append(_("Mend it in the service %(service)s.") % where)
    steps += [
        _("Give the call a timeout near what it usually takes, and an answer for its failure."),
        _("Keep its answers in the cache where they may be a little old."),
    ]
    return Advice(why, steps, [])


def http_overhead(_subject: str, facts: Facts) -> Advice:
    why = _("The call took %(took)s but was served in %(served)s: the rest it stood in line.") % {
        "took": ms(facts, "took_us"), "served": ms(facts, "served_us")
    }  # fmt: skip
    steps = [
        _("Give the service more workers, or the client more connections to it."),
        _("Keep connections open instead of making a new one for each call."),
    ]
    return Advice(why, steps, [])


def large_payload(_subject: str, facts: Facts) -> Advice:
    size_kb = int(facts.get("size_bytes") or 0) // 1000
    why = _("An answer of %(size)s kB took %(took)s.") % {
        "size": size_kb, "took": ms(facts, "took_us")
    }  # fmt: skip
    steps = [_("Send a page at a time, and only the fields that are used."), _("Compress it.")]
    return Advice(why, steps, ['MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", …]'])


def own_code(_subject: str, facts: Facts) -> Advice:
    why = _("%(where)s was busy itself for %(busy)s: no query and no call explains it.") % {
        "where": facts.get("where", ""), "busy": ms(facts, "busy_us")
    }  # fmt: skip
    steps = [
        _("Profile the route: it computes, sleeps, or calls something that is not instrumented."),
        _("Move what the answer does not need into a task."),
    ]
    return Advice(why, steps, [])


def stampede(_subject: str, facts: Facts) -> Advice:
    why = _("%(n)s requests computed the same answer at the same moment, %(took)s each.") % {
        "n": facts.get("at_once", 0), "took": ms(facts, "took_us")
    }  # fmt: skip
    if facts.get("cached"):
        why += " " + _("They had asked a cache, which had just forgotten it.")
    steps = [
        _("Let one compute while the others take the old answer or wait for it."),
        _("Renew answers before they expire."),
    ]
    return Advice(why, steps, ['if cache.add("key.lock", 1, 10): cache.set("key", compute(), 600)'])


def errors(subject: str, facts: Facts) -> Advice:
    why = _("%(failed)s of %(requests)s requests of a minute failed: %(error)s in %(where)s.") % {
        "failed": facts.get("failed", 0), "requests": facts.get("requests", 0),
        "error": subject, "where": facts.get("where", "?"),
    }  # fmt: skip
    return Advice(why, [_("Open a trace of the evidence: its log lines hold the exception.")], [])


def regression(_subject: str, facts: Facts) -> Advice:
    why = _("Since version %(version)s the route takes %(after)s at p95 instead of %(before)s.") % {
        "version": facts.get("version", "?"), "after": ms(facts, "after_us"),
        "before": ms(facts, "before_us"),
    }  # fmt: skip
    steps = [_("Compare a trace of before with one of after."), _("Roll the version back.")]
    return Advice(why, steps, [])
