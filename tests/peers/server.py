"""HTTP/1.1 on 127.0.0.1: the gate's front door, and the tests' own entrance below /__peer/."""

import contextlib
import http.server
import itertools
import json
import select
import socket
import struct
import threading
import time
import uuid

from faults import KINDS
from wire import Answer, Request

CONTROL = "/__peer/"
IDLE_SECONDS = 60
BODY_MOST = 4 << 20
SETTLE_SECONDS, SETTLE_MOST = 0.002, 10


class Calls:
    """The log: one entry a call, in the order in which they came."""

    def __init__(self):
        self.lock, self.entries, self.numbers = threading.Lock(), [], itertools.count(1)

    def begin(self, request, connection):
        entry = {
            "n": next(self.numbers),
            "time": time.time(),
            "connection": connection,
            "method": request.method,
            "path": request.path,
            "service": None,
            "operation": None,
            "outcome": "answered",
            "status": None,
            "error": None,
            "fault": None,
            "refused": None,
            "bad_answer": None,
            "effect": False,
            "settling": False,
            "request_id": str(uuid.uuid4()),
        }
        with self.lock:
            self.entries.append(entry)
        return entry

    def since(self, number):
        with self.lock:
            return [dict(entry) for entry in self.entries if entry["n"] > number]

    def clear(self):
        with self.lock:
            self.entries.clear()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port, gate, tls=None):
        super().__init__(("127.0.0.1", port), Handler)
        self.gate, self.tls, self.calls = gate, tls, Calls()
        self.connections, self.open, self.lock = itertools.count(1), {}, threading.Lock()
        self.starting = 0  # connections without a handler yet
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.address = f'{"https" if tls else "http"}://{self.host}'

    def get_request(self):
        with self.lock:
            connection, peer = super().get_request()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(IDLE_SECONDS)
            self.starting += 1
        # The handshake waits for the connection's own thread.
        return (
            self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            if self.tls
            else connection,
            peer,
        )

    def handle_error(self, request, client_address):
        """A client that goes away is no error of the peer."""

    def close_idle(self):
        """Closes the connections on which no request is under way, as a server does that has waited long enough."""
        with self.lock:
            idle = [handler for handler in self.open.values() if not handler.busy]
        for handler in idle:
            with contextlib.suppress(OSError):  # its client may be gone already
                handler.connection.shutdown(socket.SHUT_RDWR)
        return len(idle)

    def settle(self):
        """Waits until whatever was sent before has had its effect, though its client may have given it up. Half a
        request has none, and is not waited for much longer than it takes to send the other half."""
        until = time.monotonic() + SETTLE_MOST
        while time.monotonic() < until:
            with self.lock:
                coming = self.starting or readable(self.socket)
                if not coming and not any(handler.at_work() for handler in self.open.values()):
                    return
            time.sleep(SETTLE_SECONDS)


def readable(connection):
    try:
        return bool(select.select([connection], [], [], 0)[0])
    except (OSError, ValueError):  # closed just now
        return False


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    busy = False
    entry = None  # of the request under way

    def setup(self):
        super().setup()
        self.number = next(self.server.connections)
        with self.server.lock:
            self.server.open[self.number] = self
            self.server.starting -= 1

    def handle_one_request(self):
        # Busy before anything is read: there is no moment at which a request is neither waiting nor under way.
        if not select.select([self.connection], [], [], IDLE_SECONDS)[0]:
            self.close_connection = True
            return
        self.busy = True
        super().handle_one_request()

    def at_work(self):
        """Whether there is a request whose effect is still to come."""
        if not self.busy:
            return readable(self.connection)
        entry = self.entry
        return entry is None or not (entry["settling"] or "backend_ms" in entry)

    def finish(self):
        with self.server.lock:
            self.server.open.pop(self.number)
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, *_):
        """The log of calls says more."""

    def handle_expect_100(self):
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def do_request(self):
        body = self.read_body()
        if body is None:
            return
        request = Request.parse(self.command, self.path, self.headers, body)
        if request.path.startswith(CONTROL):
            self.entry = {"settling": True}  # the tests' own entrance is nobody's effect
            if request.path == CONTROL + "state":
                self.server.settle()
            self.send(control(self.server, request))
        else:
            self.serve(request)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_request

    def read_body(self):
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > BODY_MOST:
            self.close_connection = True
            self.send(Answer(411, b"a plain Content-Length is needed"))
            return None
        return self.rfile.read(int(length))

    def serve(self, request):
        server, gate = self.server, self.server.gate
        self.entry = entry = server.calls.begin(request, self.number)
        started = time.monotonic()
        # Who looks for what an earlier call of his has made finds it, however busy the machine is.
        if (request.method, request.path) == ("GET", "/certificates"):
            entry["settling"] = True
            server.settle()
        time.sleep(gate.settings["latency_ms"] / 1000)
        outcome = gate.handle(request, server.host, entry)
        entry["ms"] = round((time.monotonic() - started) * 1000, 3)
        if outcome.ending != "keep":
            self.close_connection = True
        if outcome.ending == "drop":
            self.drop(outcome.reset)
            return
        entry["status"] = outcome.answer.status
        outcome.answer.headers["x-amzn-RequestId"] = entry["request_id"]
        self.send(outcome.answer, half=outcome.ending == "truncate")

    def drop(self, reset):
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    def send(self, answer, half=False):
        self.send_response_only(answer.status)
        self.send_header("Date", self.date_time_string(self.server.gate.clock.now()))
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if half else answer.body)
        # Idle before the answer leaves, so that who has it may close what is idle.
        self.entry, self.busy = None, False
        self.wfile.flush()


def control(server, request):
    """The tests' entrance: faults, limits, calls, state, settings, connections."""
    gate = server.gate
    name = request.method, request.path[len(CONTROL) :]
    try:
        given = json.loads(request.body) if request.body else None
        if name == ("POST", "faults"):
            gate.faults.plant(given)
        elif name == ("DELETE", "faults"):
            gate.faults.clear()
        elif name == ("POST", "limits"):
            gate.limits.set(given)
        elif name == ("POST", "settings"):
            change_settings(gate, given)
        elif name == ("DELETE", "calls"):
            server.calls.clear()
        else:
            return shown(server, name, dict(request.query))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return plain({"error": f"{type(error).__name__}: {error}"}, 400)
    return plain({})


def shown(server, name, query):
    gate = server.gate
    if name == ("GET", "faults"):
        return plain({"kinds": list(KINDS), "planted": gate.faults.dump()})
    if name == ("GET", "calls"):
        return plain({"calls": server.calls.since(int(query.get("since", 0)))})
    if name == ("GET", "state"):
        service = query.pop("service", None)
        if service:
            return plain({service: gate.backends[service].dump(**query)})
        return plain({service: backend.dump() for service, backend in gate.backends.items()})
    if name == ("GET", "settings"):
        return plain(gate.settings)
    if name == ("POST", "close-idle"):
        return plain({"closed": server.close_idle()})
    return plain({"error": f'no {" ".join(name)}'}, 404)


def change_settings(gate, given):
    for name, value in given.items():
        if name not in gate.settings or isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"no setting {name} = {value!r}")
    gate.settings.update(given)
    gate.clock.offset = gate.settings["clock_offset"]


def plain(value, status=200):
    # On one line: Python's fast encoder knows no indent, and a test asks for its peer's whole state again and again.
    return Answer(status, json.dumps(value).encode() + b"\n", {"Content-Type": "application/json"})
