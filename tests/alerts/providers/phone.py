"""Twilio, Amazon SNS, NHN Cloud, SENS and SOLAPI as one process: `… PORT LOG`.

Each request is checked as the provider checks it (credentials, signature, clock, shape) and logged
as a JSON line. The end of the recipient's number says how it goes on, as with Twilio's own test
numbers:

0001 delivered   0300 accepted, then not delivered   0301 the same, but the provider's SMS arrives
0700 delivered, said only at the third question   0800 accepted, and never a word
0400 refused   0429 too many (Retry-After 120)   0500 broken   0666 nonsense   0900 hangs
"""

import base64
import hashlib
import hmac
import itertools
import json
import re
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

SECRET = "s3cr3t-of-the-account"
_numbers = itertools.count(1)
# What each message was sent to, by the provider's id, and how often it was asked about.
_sent: dict[str, str] = {}
_asked: Counter[str] = Counter()


class Handler(BaseHTTPRequestHandler):
    """Behaves as the number says."""

    log_path: Path
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/up":
            return self._answer(200, {})
        return self._serve("GET", b"")

    def do_POST(self) -> None:
        self._serve("POST", self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _serve(self, method: str, body: bytes) -> None:
        path = urlsplit(self.path).path
        provider = next(one for prefix, one in PROVIDERS.items() if path.startswith(prefix))
        line = {"method": method, "path": self.path, "headers": dict(self.headers)}
        with self.log_path.open("a") as file:
            file.write(json.dumps({**line, "body": body.decode()}) + "\n")
        refusal = provider.refuses(self, method, body)
        if refusal is not None:
            return self._answer(*refusal)
        if method == "GET":
            return self._report(provider, path)
        return self._take(provider, provider.recipient(body))

    def _take(self, provider, number: str) -> None:
        end = number[-4:]
        if end == "0900":
            time.sleep(120)
        if end == "0666":
            return self._raw(200, b"<html>All is well</html>")
        if end == "0500":
            return self._answer(503, {"message": "busy"})
        if end == "0429":
            return self._answer(429, provider.error("too many"), {"Retry-After": "120"})
        if end == "0400":
            return self._answer(*provider.refused)
        name = provider.new_id(next(_numbers))
        _sent[name] = end
        if isinstance(found := provider.accepted(name), bytes):
            return self._raw(200, found)
        return self._answer(provider.status, found)

    def _report(self, provider, path: str) -> None:
        name = provider.id_of(path, urlsplit(self.path).query)
        if name not in _sent:
            return self._answer(404, {})
        _asked[name] += 1
        end = _sent[name]
        late = end == "0700" and _asked[name] < 3
        word = {"0300": "failed", "0301": "resent", "0800": "waiting"}.get(end, "delivered")
        return self._answer(200, provider.report(name, "waiting" if late else word))

    def _answer(self, status: int, body: dict, headers: dict[str, str] | None = None) -> None:
        self._raw(status, json.dumps(body).encode(), headers)

    def _raw(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Silent."""


class Twilio:
    """https://www.twilio.com/docs/messaging/api/message-resource"""

    status = 201
    refused = (400, {"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400})

    def refuses(self, request, method, body):
        pair = base64.b64encode(f"AC0123:{SECRET}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {pair}":
            return 401, {"code": 20003}
        form = dict(parse_qsl(body.decode()))
        if method == "POST" and not ({"To", "Body"} <= form.keys() and "From" in form):
            return 400, {"code": 21604}
        return None

    def recipient(self, body):
        return dict(parse_qsl(body.decode()))["To"]

    def error(self, words):
        return {"code": 20429, "message": words}

    def new_id(self, number):
        return f"SM{number:032d}"

    def accepted(self, name):
        return {"sid": name, "status": "queued"}

    def id_of(self, path, query):
        return path.rsplit("/", 1)[1].removesuffix(".json")

    def report(self, name, word):
        status = {"waiting": "sent", "delivered": "delivered"}.get(word, "undelivered")
        return {"sid": name, "status": status, "error_code": 30003 if "un" in status else None}


class Sns:
    """https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

    status = 200
    refused = (400, {})

    def refuses(self, request, method, body):
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        sent = AWSRequest("POST", f"http://{request.headers['Host']}/", data=body)
        sent.headers["Content-Type"] = request.headers["Content-Type"]
        sent.context["timestamp"] = request.headers["X-Amz-Date"]
        given = request.headers.get("Authorization", "")
        signer = SigV4Auth(Credentials("AKIAEXAMPLE", SECRET), "sns", "ap-northeast-2")
        sent.headers["X-Amz-Date"] = request.headers["X-Amz-Date"]
        names = re.search(r"SignedHeaders=([^,]+)", given)
        canonical = signer.canonical_request(sent)
        text = signer.string_to_sign(sent, canonical)
        if names is None or not given.endswith(f"Signature={signer.signature(text, sent)}"):
            return 403, {"Code": "SignatureDoesNotMatch"}
        return None

    def recipient(self, body):
        form = dict(parse_qsl(body.decode()))
        return form.get("PhoneNumber") or form["TopicArn"]

    def error(self, words):
        return {}

    def new_id(self, number):
        return f"567910cd-659e-55d4-8ccb-{number:012d}"

    def accepted(self, name):
        return f"<PublishResponse><PublishResult><MessageId>{name}</MessageId>".encode()


class Nhn:
    """https://docs.nhncloud.com/en/Notification/KakaoTalk%20Bizmessage/en/alimtalk-api-guide/"""

    status = 200
    refused = (
        200,
        {
            "header": {"isSuccessful": True, "resultCode": 0, "resultMessage": "success"},
            "message": {
                "requestId": "r",
                "sendResults": [{"recipientSeq": 1, "resultCode": -1006, "resultMessage": "bad"}],
            },
        },
    )

    def refuses(self, request, method, body):
        if request.headers.get("X-Secret-Key") != SECRET:
            return 401, {"header": {"isSuccessful": False, "resultCode": -4010}}
        if method == "POST":
            asked = json.loads(body)
            first = asked["recipientList"][0]
            fits = re.fullmatch(r"01\d{8,9}", first["recipientNo"]) and first["templateParameter"]
            if not (asked["senderKey"] and asked["templateCode"] and fits):
                return 400, {"header": {"isSuccessful": False, "resultCode": -1000}}
        return None

    def recipient(self, body):
        return json.loads(body)["recipientList"][0]["recipientNo"]

    def error(self, words):
        return {"header": {"isSuccessful": False, "resultCode": -429, "resultMessage": words}}

    def new_id(self, number):
        return f"20260101000000{number}"

    def accepted(self, name):
        result = {"recipientSeq": 1, "resultCode": 0, "resultMessage": "SUCCESS"}
        return {
            "header": {"isSuccessful": True, "resultCode": 0, "resultMessage": "SUCCESS"},
            "message": {"requestId": name, "sendResults": [result]},
        }

    def id_of(self, path, query):
        return path.split("/")[-2]

    def report(self, name, word):
        code = {"delivered": "MRC01", "waiting": ""}.get(word, "MRC02")
        resend = {"failed": "RSC05", "resent": "RSC04"}.get(word, "RSC01")
        status = {"MRC01": "COMPLETED", "MRC02": "FAILED"}.get(code, "")
        return {
            "header": {"isSuccessful": True, "resultCode": 0},
            "message": {"messageStatus": status, "resultCode": code, "resendStatus": resend},
        }


class Sens:
    """https://api.ncloud-docs.com/docs/en/ai-application-service-sens-alimtalkv2"""

    status = 202
    refused = (400, {"error": {"errorCode": "400", "message": "bad template"}})

    def refuses(self, request, method, body):
        moment = request.headers.get("x-ncp-apigw-timestamp", "0")
        if abs(time.time() - int(moment) / 1000) > 300:
            return 401, {"error": {"errorCode": "200", "message": "Invalid timestamp"}}
        signed = f"{method} {request.path}\n{moment}\nACCESS"
        mac = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest()
        if request.headers.get("x-ncp-apigw-signature-v2") != base64.b64encode(mac).decode():
            return 401, {"error": {"errorCode": "210", "message": "Permission Denied"}}
        return None

    def recipient(self, body):
        return json.loads(body)["messages"][0]["to"]

    def error(self, words):
        return {"error": {"errorCode": "400", "message": words}}

    def new_id(self, number):
        return f"5a2c1c9d-{number}"

    def accepted(self, name):
        first = {"messageId": name, "requestStatusCode": "A000", "requestStatusName": "success"}
        return {"requestId": "q", "statusCode": "202", "messages": [first]}

    def id_of(self, path, query):
        return path.rsplit("/", 1)[1]

    def report(self, name, word):
        known = {"delivered": ("success", "0000"), "waiting": ("processing", "")}
        status, code = known.get(word, ("fail", "3019"))
        found = {
            "messageId": name, "requestStatusCode": "A000", "requestStatusName": "success",
            "messageStatusName": status, "messageStatusCode": code,
        }  # fmt: skip
        if word == "resent":
            found["failover"] = {"messageStatusName": "success"}
        return found


class Solapi:
    """https://github.com/solapi/documents, api-reference/messages"""

    status = 200
    refused = (400, {"errorCode": "ValidationError", "errorMessage": "bad template"})

    def refuses(self, request, method, body):
        pattern = r"HMAC-SHA256 apiKey=(\S+), date=(\S+), salt=(\S+), signature=([0-9a-f]{64})"
        given = re.fullmatch(pattern, request.headers.get("Authorization", ""))
        if given is None or given[1] != "NCSKEY":
            return 401, {"errorCode": "InvalidAPIKey"}
        age = datetime.now(UTC) - datetime.fromisoformat(given[2])
        mac = hmac.new(SECRET.encode(), (given[2] + given[3]).encode(), hashlib.sha256).hexdigest()
        if abs(age.total_seconds()) > 900 or mac != given[4]:
            return 403, {"errorCode": "SignatureDoesNotMatch"}
        return None

    def recipient(self, body):
        return json.loads(body)["message"]["to"]

    def error(self, words):
        return {"errorCode": "TooManyRequests", "errorMessage": words}

    def new_id(self, number):
        return f"M4V2026{number}"

    def accepted(self, name):
        return {"messageId": name, "statusCode": "2000", "statusMessage": "accepted"}

    def id_of(self, path, query):
        return dict(parse_qsl(query))["messageId"]

    def report(self, name, word):
        code = {"delivered": "4000", "waiting": "3000", "resent": "4000"}.get(word, "3103")
        return {"limit": 20, "messageList": {name: {"messageId": name, "statusCode": code}}}


PROVIDERS = {
    "/2010-04-01/": Twilio(), "/alimtalk/v2.2/": Nhn(), "/alimtalk/v2/": Sens(),
    "/messages/v4/": Solapi(), "/": Sns(),
}  # fmt: skip


if __name__ == "__main__":
    Handler.log_path = Path(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
