"""Views that show, wait, fail and leave, for batches to call."""

import threading

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core import caller, request_id
from apps.core.batch import inner
from apps.core.models import ApiKey
from portal.urls import *  # noqa: F403
from portal.urls import handler400, handler403, handler404, handler500, urlpatterns  # noqa: F401
from tests.core.api.urls import Versioned

_lock = threading.Lock()
seen: list[str] = []
gates: dict[str, threading.Event] = {}
meeting: list[threading.Barrier] = []


def note(word):
    with _lock:
        seen.append(word)


class Echo(APIView):
    def answer(self, request):
        note(f"{request.method} {request.get_full_path()}")
        meta = {k: v for k, v in request.META.items() if isinstance(v, str)}
        return Response({
            "method": request.method, "path": request.get_full_path(), "data": request.data,
            "who": caller.actor(), "address": caller.address(), "meta": meta,
            "request_id": request_id.current(), "inside": inner.inside(),
            "thread": threading.current_thread().name,
        })  # fmt: skip

    get = post = put = patch = delete = answer


class Keys(APIView):
    """Counts and makes keys: a read that must see the change before it."""

    def get(self, request):
        return Response({"keys": ApiKey.objects.filter(name__startswith="made").count()})

    def post(self, request):
        key = ApiKey(name=f"made {request.data['name']}", scopes=["read"])
        ApiKey.objects.assign_key(key)
        key.save()
        return Response({"made": key.name}, status=201)


class Boom(APIView):
    def get(self, request):
        raise ValueError("secret internals")

    def post(self, request):
        raise SystemExit(3)


class Hold(APIView):
    def get(self, request):
        note("held")
        gates[request.GET["gate"]].wait(30)
        return Response({"late": True})

    post = get


class Meet(APIView):
    """Answers only when as many run at once as the barrier wants."""

    def get(self, request):
        meeting[0].wait(30)
        return Response({"met": True})


class Big(APIView):
    def get(self, request):
        return Response({"text": "x" * (inner.LARGEST_BODY_BYTES + 1)})

    post = get


class Rows:
    """A source that knows whether it was closed."""

    def __iter__(self):
        return iter([b"a,b\n"])

    def close(self):
        note("closed")


class Stream(APIView):
    def get(self, request):
        return StreamingHttpResponse(Rows(), content_type="text/csv")


class Empty(APIView):
    def delete(self, request):
        return Response(status=204)


class Needy(APIView):
    required_scopes = {"GET": "operate"}
    required_permissions = {"GET": "core.view_apikey"}

    def get(self, request):
        return Response({"ok": True})


urlpatterns = [
    path("echo", Echo.as_view()),
    path("keys", Keys.as_view()),
    path("boom", Boom.as_view()),
    path("hold", Hold.as_view()),
    path("meet", Meet.as_view()),
    path("big", Big.as_view()),
    path("stream", Stream.as_view()),
    path("empty", Empty.as_view()),
    path("needy", Needy.as_view()),
    path("versioned", Versioned.as_view()),
    path("page", lambda request: HttpResponse("a page")),
    *urlpatterns,
]
