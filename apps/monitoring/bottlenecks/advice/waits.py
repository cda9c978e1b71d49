"""Waiting in line."""

from django.utils.translation import gettext as _

from apps.monitoring.bottlenecks.advice.shape import Advice, Facts, ms


def pool_wait(subject: str, facts: Facts) -> Advice:
    why = _("The request waited up to %(longest)s for a connection of the pool %(pool)s.") % {
        "longest": ms(facts, "longest_us"), "pool": subject
    }  # fmt: skip
    if facts.get("size"):
        why += " " + _("The pool holds %(size)s.") % {"size": facts["size"]}
    steps = [
        _("Give the pool as many connections as the process has threads."),
        _("Do not hold a connection while calling other services."),
    ]
    code = ['DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 2, "max_size": threads}']
    return Advice(why, steps, code)


def loop_lag(_subject: str, facts: Facts) -> Advice:
    why = _("The event loop was blocked for %(blocked)s; nobody else had a turn.") % {
        "blocked": ms(facts, "blocked_us")
    }  # fmt: skip
    if facts.get("where"):
        why += " " + _("It was in %(where)s.") % {"where": facts["where"]}
    steps = [_("Run what blocks or computes in a thread.")]
    return Advice(why, steps, ["await sync_to_async(work, thread_sensitive=False)()"])


def sync_in_async(_subject: str, facts: Facts) -> Advice:
    why = _("Asynchronous code waited %(longest)s for a thread to run synchronous code in.") % {
        "longest": ms(facts, "longest_us")
    }  # fmt: skip
    steps = [
        _("Call the asynchronous form where there is one: aget, afilter, async clients."),
        _("Cross over once for the whole piece of work instead of once for each step."),
    ]
    return Advice(why, steps, ["await sync_to_async(work, thread_sensitive=False)()"])


def queue_latency(subject: str, facts: Facts) -> Advice:
    why = _("The job waited %(waited)s in the queue %(queue)s and then took %(took)s.") % {
        "waited": ms(facts, "waited_us"), "queue": subject or "?", "took": ms(facts, "took_us")
    }  # fmt: skip
    steps = [
        _("Add workers to the queue, or give long jobs a queue of their own."),
        _("Let jobs that come too late expire."),
    ]
    return Advice(why, steps, ["celery -A project worker -Q <queue> --concurrency 8"])
