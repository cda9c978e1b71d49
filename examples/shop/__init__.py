"""A small ticket shop to watch: stock OpenTelemetry SDK, faults behind switches, steady traffic.

It shares no code with the portal while it serves; only its defaults point at the portal's embedded
servers. `python -m examples.shop.demo` starts everything.
"""
