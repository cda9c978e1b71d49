"""`python -m examples.shop.fault [on|off NAME]`: plant a fault, or mend it, while the shop runs."""

import argparse
import os

import django


def _set_index(*, present: bool) -> None:
    """Drop or make the price index; the only fault that lives in the database."""
    from django.db import connection
    from psycopg import sql

    from examples.shop.models import PRICE_INDEX

    name = sql.Identifier(PRICE_INDEX)
    statement = (
        sql.SQL("CREATE INDEX IF NOT EXISTS {} ON shop_price (event_id, at)").format(name)
        if present
        else sql.SQL("DROP INDEX IF EXISTS {}").format(name)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def switch(name: str, *, on: bool) -> None:
    """Turn one fault on or off. Needs Django set up with the shop's settings."""
    from examples.shop import faults

    if name == "missing_index":
        _set_index(present=not on)
    faults.write((faults.active() | {name}) if on else (faults.active() - {name}))


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.shop.settings")
    django.setup()
    from examples.shop import faults

    parser = argparse.ArgumentParser(prog="python -m examples.shop.fault")
    parser.add_argument("verb", nargs="?", choices=["on", "off"])
    parser.add_argument("name", nargs="?", choices=list(faults.FAULTS))
    chosen = parser.parse_args()
    if chosen.verb and not chosen.name:
        parser.error("name the fault")
    if chosen.verb:
        switch(chosen.name, on=chosen.verb == "on")
    for name, what in faults.FAULTS.items():
        print(f"{'on ' if faults.is_on(name) else 'off'}  {name:16} {what}")


if __name__ == "__main__":
    main()
