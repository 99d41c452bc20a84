"""Lambda's Runtime API on 127.0.0.1, for one function at a time, and the life of that function's process. Source: AWS
Lambda developer guide, "Using the Lambda runtime API for custom runtimes"."""

import http.server
import json
import os
import queue
import subprocess
import threading
import time
import uuid

VERSION = "/2018-06-01/runtime"
WAIT_SECONDS, POLL_SECONDS = 120, 0.02


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """What matters is kept."""

    def do_GET(self):
        api = self.server.api
        if self.path != VERSION + "/invocation/next":
            return self.answer(404)
        invocation = api.events.get()
        if invocation is None:  # the end of it
            self.close_connection = True
            return None
        request_id, event, seconds = invocation
        headers = {"Lambda-Runtime-Aws-Request-Id": request_id, "Lambda-Runtime-Invoked-Function-Arn": "arn:peer"}
        headers["Lambda-Runtime-Deadline-Ms"] = str(int((time.time() + seconds) * 1000))
        return self.answer(api.next_status, event, headers)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        api, parts = self.server.api, self.path.removeprefix(VERSION + "/").split("/")
        if parts == ["init", "error"]:
            api.results.put(("init", "error", json.loads(body), self.headers["Lambda-Runtime-Function-Error-Type"]))
        elif len(parts) == 3 and parts[0] == "invocation" and parts[2] in ("response", "error"):
            kind = self.headers["Lambda-Runtime-Function-Error-Type"]
            api.results.put((parts[1], parts[2], json.loads(body), kind))
        else:
            return self.answer(404)
        return self.answer(202, b'{"status":"OK"}')

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in {**dict(headers), "Content-Length": len(body), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class LambdaApi:
    def __init__(self):
        self.events, self.results, self.next_status = queue.Queue(), queue.Queue(), 200
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads, self.server.api = True, self
        threading.Thread(target=self.server.serve_forever, args=[POLL_SECONDS], daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.events.put(None)
        self.server.shutdown()
        self.server.server_close()


class Function:
    """A function's process and its Runtime API. `lines` are what it has logged, in the end."""

    def __init__(self, program, environment):
        self.api = LambdaApi()
        environment = {**os.environ, **environment, "AWS_LAMBDA_RUNTIME_API": self.api.address}
        self.process = subprocess.Popen([program], env=environment, stdout=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        self.lines.extend(json.loads(line) for line in self.process.stdout)

    def send(self, event, request_id=None, seconds=WAIT_SECONDS):
        """Queues an invocation; gives its id."""
        request_id = request_id or str(uuid.uuid4())
        self.api.events.put((request_id, event if isinstance(event, bytes) else json.dumps(event).encode(), seconds))
        return request_id

    def result(self):
        """(id, "response" or "error", what it says, type of the error) of the next invocation that ends."""
        return self.api.results.get(timeout=WAIT_SECONDS)

    def invoke(self, event, request_id=None, **options):
        request_id = self.send(event, request_id, **options)
        answered, kind, body, error_type = self.result()
        assert answered == request_id, f"{answered} is not {request_id}"
        assert (kind == "error") == (error_type is not None), error_type
        return kind, body.get("verdict") if kind == "response" else body["errorType"]

    def invoke_as_lambda(self, event):
        """An asynchronous invocation, which Lambda repeats twice, under the same id, when it fails."""
        request_id, results = str(uuid.uuid4()), []
        while len(results) < 3 and (not results or results[-1][0] == "error"):
            results.append(self.invoke(event, request_id))
        return results

    def close(self):
        """Ends the Runtime API, and with it the process; gives its exit status."""
        self.api.close()
        status = self.process.wait(WAIT_SECONDS)
        self.reader.join()
        self.process.stdout.close()
        return status
