"""The ASGI shell: one port for native handlers, live sockets and Django.

Django's own ASGI path costs ten times what its WSGI handler does, so the shell runs the latter in a
bounded pool of threads and keeps everything else on the event loop.
"""

from apps.core.asgi.bridge import Bridge
from apps.core.asgi.shell import Shell

__all__ = ["Bridge", "Shell"]
