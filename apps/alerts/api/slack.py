"""Where Slack tells of buttons pressed: the interactivity request URL of the Slack app."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.alerts.services import slackactions


@csrf_exempt  # Slack's signature stands for the token
@require_POST
def actions(request: HttpRequest) -> HttpResponse:
    """Do what a button says. 401 for what Slack did not sign."""
    try:
        press = slackactions.read(
            request.body,
            request.headers.get("X-Slack-Request-Timestamp", ""),
            request.headers.get("X-Slack-Signature", ""),
        )
    except slackactions.NotGenuineError:
        return HttpResponse(status=401)
    slackactions.reply(press, slackactions.act(press))
    return HttpResponse()
