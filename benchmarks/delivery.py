"""What compression saves over the JSON that pages load, and what it costs.

The JSON is the Overview's, of the store that `benchmarks/overview.py` fills, for each service and
range. Savings are judged over the sum of all bytes; the store's points come from 400 templates, so
real pages save a little less. The cost of each level is its ratio to the one in use, measured in
turn within one run.
"""

import argparse
import gzip
import os
import time

from benchmarks import harness, overview

SAVED_LIMIT = 0.70
LEVELS = {
    "br": (1, 3, 4, 5, 6, 9),
    "zstd": (1, 3, 6, 9),
    "gzip": (1, 4, 6, 9),
}


def _pages():
    """Path and body of every JSON document the Overview loads."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(User.objects.create_superuser("bench"))
    found = {}
    for service in ("pharos", "shop"):
        for span in ("15m", "1h", "6h"):
            path = f"/admin/overview/data?service={service}&range={span}"
            found[path] = client.get(path, headers={"accept-encoding": "identity"}).content
            for coding in LEVELS:
                sent = client.get(path, headers={"accept-encoding": coding})
                assert sent["Content-Encoding"] == coding
    return found


def _packed(coding, level, body):
    import brotli
    import zstandard

    if coding == "br":
        return brotli.compress(body, quality=level)
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=level).compress(body)
    return gzip.compress(body, level, mtime=0)


def _arm(coding, level, bodies):
    def run():
        begun = time.process_time()
        size = sum(len(_packed(coding, level, body)) for body in bodies)
        return (time.process_time() - begun) / len(bodies) * 1000, size

    return run


def _run(options):
    from apps.core.delivery import codecs
    from apps.monitoring.intake.commit import committer
    from apps.monitoring.store import connect

    with connect.open_connection("bench", 170, autocommit=True) as raw:
        overview._fill(raw)
    pages = _pages()
    committer().close()
    total = sum(map(len, pages.values()))
    harness.table(
        ["JSON", "bytes", *LEVELS],
        [
            (path, len(body), *(f"{len(codecs.compress(c, body)) / len(body):.1%}" for c in LEVELS))
            for path, body in pages.items()
        ],
    )
    bodies = list(pages.values())
    arms = {
        f"{coding} {level}": _arm(coding, level, bodies)
        for coding, levels in LEVELS.items()
        for level in levels
    }
    found = harness.interleaved(arms, options.rounds)
    used = {"br": codecs.BROTLI_QUALITY, "zstd": codecs.ZSTD_LEVEL, "gzip": codecs.GZIP_LEVEL}
    cost = {name: harness.median([ms for ms, _ in results]) for name, results in found.items()}
    saved = {name: 1 - results[0][1] / total for name, results in found.items()}
    harness.table(
        ["level", "saved", "CPU ms a page", "to the level in use"],
        [
            (name, f"{saved[name]:.1%}", ms, ms / cost[f"{(c := name.split()[0])} {used[c]}"])
            for name, ms in cost.items()
        ],
    )
    in_use = {coding: saved[f"{coding} {level}"] for coding, level in used.items()}
    harness.summary(
        "delivery", passed=min(in_use.values()) >= SAVED_LIMIT, json_bytes=total,
        saved_limit=SAVED_LIMIT, **{f"saved_{coding}": share for coding, share in in_use.items()},
    )  # fmt: skip


def main():
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ["PHAROS_RECORDER"] = "0"
    with harness.embedded():
        os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
        import django
        import psycopg
        from django.core.management import call_command

        from apps.core.embedded.home import Home

        with psycopg.connect(
            f"host={Home.current().run_dir} user=postgres dbname=postgres", autocommit=True
        ) as server:
            server.execute("CREATE DATABASE pharos")
        django.setup()
        call_command("migrate", verbosity=0, skip_checks=True)
        _run(options)


if __name__ == "__main__":
    main()
