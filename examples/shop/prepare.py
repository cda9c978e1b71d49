"""Make the shop's database ready: create, migrate, seed, and set the faults named in FAULTS."""

import os
import sys

import django
import psycopg
from psycopg import sql


def create_database(url: str) -> None:
    """Create the database of `url` on its server unless it is there."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    name = str(parts.pop("dbname"))
    with psycopg.connect(**{**parts, "dbname": "postgres"}, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if found.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.shop.settings")
    from examples.shop import environment, fault, faults

    try:
        wanted = faults.named_at_start()
        create_database(environment.database_url)
    except (ValueError, psycopg.Error) as error:
        print(f"The shop cannot start: {error}", file=sys.stderr)
        return 1
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    # A run that was killed may have left a fault behind.
    for name in faults.FAULTS:
        fault.switch(name, on=name in wanted)
    connection.close_pool()
    return 0


if __name__ == "__main__":
    sys.exit(main())
