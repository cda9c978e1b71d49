"""Reseal every stored secret under today's PHAROS_SECRET_KEY."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core.services import rotation


class Command(BaseCommand):
    """After it the former key may be taken out of PHAROS_SECRET_KEY_FALLBACKS."""

    help = "Reseal every stored secret under today's PHAROS_SECRET_KEY."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--batch", type=int, default=500, help="Rows read at once.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reseal; ends with an error while a row still needs a former key."""
        if options["batch"] < 1:
            raise CommandError("--batch must be at least 1.")
        columns = list(rotation.rotate(options["batch"]))
        for column in columns:
            self.stdout.write(f"{column.name}: {column.resealed} resealed, {column.current} as is.")
        left = [column for column in columns if not column.whole]
        if left:
            told = "; ".join(
                f"{c.name}: {c.broken} cannot be opened, {c.doubled} exist twice" for c in left
            )
            raise CommandError(
                f"{told}. Enter the former, delete one of the latter, then run this again."
            )
        self.stdout.write("The former key is no longer needed.")
