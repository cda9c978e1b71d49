"""Which tables of Django and of libraries are audited."""

from django.contrib.auth.models import Group, User
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from apps.core import audited

# Beat writes these at every run.
_CLOCKWORK = ("last_run_at", "total_run_count", "date_changed")


def install() -> None:
    """Watch people, groups and the schedule."""
    audited.watch(User, "user", secret=["password"], ignore=["last_login"])
    audited.watch(Group, "group")
    audited.watch(PeriodicTask, "periodictask", ignore=_CLOCKWORK, target=lambda task: task.name)
    for model in (IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
        audited.watch(model, str(model._meta.model_name))
