"""`python -m examples.providers PORT [LOG]`: every provider on one port, each below its name.

`/slack/ok` is Slack's API, `/pagerduty/ok` PagerDuty's, and so on: as the `base_url` or target of a
channel. The second part says how it behaves: ok, 429, 500, 403, hang, garbage, lost (takes the
message and breaks off before it answers, once). `GET /` shows what has arrived.
"""

import sys
from http.server import ThreadingHTTPServer
from pathlib import Path

from examples.providers import chat, pagers, slack
from examples.providers.base import Provider

if __name__ == "__main__":
    Provider.log_path = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    Provider.kinds = {
        "slack": slack.answer, "teams": chat.teams, "discord": chat.discord, "ntfy": chat.ntfy,
        "pagerduty": pagers.pagerduty, "opsgenie": pagers.opsgenie,
    }  # fmt: skip
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
