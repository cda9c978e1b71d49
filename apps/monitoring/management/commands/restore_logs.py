"""`manage.py restore_logs 2026-08-26`: let the lines of an archived day be searched again."""

from argparse import ArgumentParser
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from psycopg import Error

from apps.core.errors import PortalError
from apps.monitoring.services import logkeeping
from apps.monitoring.store.logarchive import ArchiveError


class Command(BaseCommand):
    """The file stays in the archive; the lines go again by themselves."""

    help = "Take an archived day of log lines back into the search for some days."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("day", type=date.fromisoformat, help="The day in UTC, as 2026-08-26.")
        parser.add_argument(
            "--days", type=int, default=7, choices=range(1, 366), metavar="DAYS",
            help="How long the lines stay, 1 to 365 days; 7 by default.",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        until = datetime.now(UTC) + timedelta(days=options["days"])
        try:
            lines = logkeeping.restore(options["day"], until)
        except PortalError as error:
            raise CommandError(error.message) from error
        except (ArchiveError, OSError, DatabaseError, Error) as error:
            raise CommandError(f"Nothing was restored: {str(error).strip()}") from error
        self.stdout.write(f"{lines} lines of {options['day']} can be searched until {until:%c}.")
