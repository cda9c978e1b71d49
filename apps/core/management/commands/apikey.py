"""`manage.py apikey NAME --scope read`: make an API key and print it once."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from apps.core.errors import PortalError
from apps.core.models import Scope, Tier
from apps.core.services import apikeys


class Command(BaseCommand):
    """Prints only the key on stdout, so a script can keep it."""

    help = "Make an API key. The key is printed once and stored only as a hash."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="What the key is for.")
        parser.add_argument(
            "--scope", action="append", required=True, choices=Scope.values, dest="scopes",
            help="What the key may do; may be given several times.",
        )  # fmt: skip
        parser.add_argument(
            "--tier", choices=Tier.values, default=Tier.STANDARD.value,
            help="How many requests a minute the key may make.",
        )  # fmt: skip
        parser.add_argument("--days", type=int, help="How many days the key lives.")

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        try:
            expires_at = None if days is None else timezone.now() + timedelta(days=days)
            _, secret = apikeys.create(
                options["name"], options["scopes"], expires_at, options["tier"]
            )
        except PortalError as error:
            raise CommandError(error.message) from error
        except OverflowError as error:
            raise CommandError("--days is too large.") from error
        except DatabaseError as error:
            raise CommandError(f"The key was not made: {str(error).strip()}") from error
        self.stderr.write("Keep this key: it is shown only now. Use it as `Authorization: Bearer`.")
        self.stdout.write(secret)
