"""An app that brings the test kinds into real processes: see `settings` beside it."""

from django.apps import AppConfig


class LoopTests(AppConfig):
    name = "tests.core.proposals"
    label = "loop_tests"

    def ready(self):
        from apps.core.proposals import kinds as registry
        from tests.core.proposals import kinds

        for kind in kinds.ALL:
            registry.register(kind)
