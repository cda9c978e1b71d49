"""Which of Apprise's services may be used.

Left out: whatever acts on this machine (dbus, syslog, windows), opens other than HTTP lines (amqp,
irc, smpp, mqtt), reads files (fcm, vapid), finds its server by itself (matrix) or takes any host
for an organisation (zulip), or is a kind of
channel of its own here (slack, pagerduty, mailto, json, workflows).
"""

from typing import Final

# The service's own host; nothing in the URL can change it.
CLOUD: Final = frozenset(
    {
        "bulksms", "chanify", "clicksend", "cliq", "dingtalk", "feishu", "flock", "gchat",
        "groupme", "ifttt", "ilert", "incidentio", "jira", "join", "kook", "lark", "line",
        "msgbird", "notifiarr", "onesignal", "pagertree", "pbul", "plivo", "pover", "prowl",
        "psafers", "push", "pushed", "pushplus", "pushy", "qq", "ringc", "schan", "seven",
        "signl4", "simplepush", "sinch", "spike", "splunk", "spush", "squadcast", "telesign",
        "telnyx", "tgram", "threema", "twist", "viber", "victorops", "vonage", "webex", "wecombot",
        "whatsapp", "wxpusher", "wxteams", "zoom",
    }
)  # fmt: skip
# The host is in the URL, and checked before every message.
HOSTED: Final = frozenset(
    {
        "bark", "barks", "gotify", "gotifys", "mmost", "mmosts", "nctalk", "nctalks", "ntfy",
        "ntfys", "rocket", "rockets", "signal", "signals", "synology", "synologys",
    }
)  # fmt: skip
