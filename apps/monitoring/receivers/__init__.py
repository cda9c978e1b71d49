"""Ways in beside OTLP's own: Prometheus remote write, and browsers with public keys.

Native ASGI like the intake, with its bodies, budget and committer: the event loop only moves bytes,
and success is said after COMMIT.
"""
