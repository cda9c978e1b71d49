"""A CloudWatch of our own: an HTTP server that speaks AWS JSON 1.0, which botocore chooses."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

TARGET = "GraniteServiceVersion20100801.GetMetricData"


class Handler(BaseHTTPRequestHandler):
    """Answers GetMetricData out of `server.values`, keyed by metric name."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(body)
        self.server.asked.append((dict(self.headers), asked))
        assert (self.path, self.headers["X-Amz-Target"]) == ("/", TARGET)
        if self.server.refusal:
            code, status = self.server.refusal
            self._answer(status, {"__type": f"com.amazonaws.cloudwatch#{code}", "message": "no"})
            return
        results = []
        for query in asked["MetricDataQueries"]:
            name = query["MetricStat"]["Metric"]["MetricName"]
            if name in self.server.absent:
                continue
            values = self.server.values.get(name, [])
            results.append({
                "Id": query["Id"], "Label": name, "StatusCode": self.server.status_code,
                "Values": values, "Timestamps": [time.time()] * len(values),
            })  # fmt: skip
        page = {"MetricDataResults": results, "Messages": []}
        if self.server.pages > 1:
            self.server.pages -= 1
            page = {"MetricDataResults": [], "NextToken": "more", "Messages": []}
        self._answer(200, page)

    def _answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def cloudwatch(monkeypatch):
    """The endpoint, with credentials in AWS's own variables."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.values, server.absent = [], {}, set()
    server.status_code, server.refusal, server.pages = "Complete", None, 1
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMACHINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "machine-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield server
    server.shutdown()
    server.server_close()
