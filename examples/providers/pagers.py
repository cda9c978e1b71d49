"""PagerDuty's Events API v2 and Opsgenie's Alert API, with the limits they enforce."""

from examples.providers.base import Call, Reply


def pagerduty(call: Call) -> Reply:
    """`POST v2/enqueue`."""
    event = call.json
    if call.path != "v2/enqueue" or not isinstance(event, dict):
        return Reply(404 if call.path != "v2/enqueue" else 400, {"status": "invalid event"})
    wrong = []
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        wrong.append("'event_action' is wrong")
    if event.get("event_action") == "trigger":
        told = event.get("payload") or {}
        wrong += [f"'{name}' is missing" for name in ("summary", "source") if not told.get(name)]
        if told.get("severity") not in ("critical", "error", "warning", "info"):
            wrong.append("'severity' is wrong")
        if len(told.get("summary", "")) > 1024:
            wrong.append("'summary' is too long")
    if len(event.get("dedup_key", "")) > 255:
        wrong.append("'dedup_key' is too long")
    if wrong:
        return Reply(400, {"status": "invalid event", "message": "wrong", "errors": wrong})
    return Reply(202, {"status": "success", "dedup_key": event["dedup_key"], "message": "ok"})


def opsgenie(call: Call) -> Reply:
    """`POST v2/alerts` and what is done with one by its alias."""
    if not call.headers.get("Authorization", "").startswith("GenieKey "):
        return Reply(401, {"message": "API Key is missing"})
    body = call.json
    if not isinstance(body, dict):
        return Reply(422, {"message": "Request body is not processable"})
    if call.path == "v2/alerts":
        if not body.get("message") or len(body["message"]) > 130 or len(body["alias"]) > 512:
            return Reply(422, {"message": "Request body is not processable"})
    elif call.query.get("identifierType") != "alias":
        return Reply(404, {"message": "Alert not found"})
    return Reply(202, {"result": "Request will be processed", "requestId": "r-1", "took": 0.1})
