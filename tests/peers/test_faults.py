"""Each planned fault does what it says, and only when it is planned."""

import http.client
import json
import socket
import time

from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.parsers import ResponseParserError

import rig
from rig import client, csr, peer, send, sign, unique

LOST = (ConnectionClosedError, EndpointConnectionError, ResponseParserError, ReadTimeoutError)


class FaultCase(rig.PeerCase):
    def setUp(self):
        super().setUp()
        self.iot = client("iot")

    def plant(self, **rule):
        peer().control("POST", "faults", {"service": "iot", "operation": "CreateThing", **rule})

    def create(self):
        """(name, what the client met: None or its exception, whether the thing is there)."""
        name, met = unique("faulty"), None
        try:
            self.iot.create_thing(thingName=name)
        except Exception as error:
            met = error
        return met, name in peer().state("iot")["things"]

    def struck(self):
        return [call["fault"] for call in peer().calls("CreateThing")]


class Kinds(FaultCase):
    def test_drop_before(self):
        for reset in (False, True):
            peer().control("DELETE", "faults")
            self.plant(kind="drop-before", reset=reset)
            met, there = self.create()
            self.assertIsInstance(met, LOST)
            self.assertFalse(there)

    def test_drop_after(self):
        for reset in (False, True):
            peer().control("DELETE", "faults")
            self.plant(kind="drop-after", reset=reset)
            met, there = self.create()
            self.assertIsInstance(met, LOST)
            self.assertTrue(there)

    def test_drop_is_silent_and_reset_is_not(self):
        for reset, error in ((False, http.client.RemoteDisconnected), (True, ConnectionResetError)):
            peer().control("DELETE", "faults")
            self.plant(kind="drop-before", reset=reset)
            with self.assertRaises(ConnectionResetError) as caught:
                send("POST", "/things/x", b"{}", sign("POST", "/things/x", b"{}"))
            self.assertIs(type(caught.exception), error)

    def test_drop_after_of_a_certificate(self):
        peer().control("POST", "faults", {"operation": "CreateCertificateFromCsr", "kind": "drop-after", "nth": 1})
        key_file = rig.make_key()
        with self.assertRaises(LOST):
            self.iot.create_certificate_from_csr(certificateSigningRequest=csr(key_file))
        kept = [one for one in peer().state("iot")["certificates"] if one["publicKey"] == rig.public_key(key_file)]
        self.assertEqual([one["status"] for one in kept], ["INACTIVE"])

    def test_status(self):
        for status, name in ((500, "InternalFailureException"), (503, "ServiceUnavailableException")):
            for effect in (False, True):
                peer().control("DELETE", "faults")
                self.plant(kind="status", status=status, effect=effect)
                met, there = self.create()
                self.assertEqual(
                    (met.response["Error"]["Code"], met.response["ResponseMetadata"]["HTTPStatusCode"]), (name, status)
                )
                self.assertEqual(there, effect)

    def test_bare_status_and_redirect(self):
        for rule in ({"status": 503, "bare": True}, {"status": 307, "headers": {"Location": "http://127.0.0.1:1/"}}):
            peer().control("DELETE", "faults")
            self.plant(kind="status", **rule)
            status, headers, text = send("POST", "/things/x", b"{}", sign("POST", "/things/x", b"{}"))
            self.assertEqual(
                (status, headers["Content-Type"], headers["x-amzn-ErrorType"]), (rule["status"], "text/html", None)
            )
            self.assertEqual(headers["Location"], rule.get("headers", {}).get("Location"))
            self.assertIn(b"<html>", text)

    def test_throttle(self):
        for service, call, name in (
            ("iot", client("iot").describe_endpoint, "ThrottlingException"),
            ("acm-pca", client("acm-pca").describe_certificate_authority, "ThrottlingException"),
            ("dynamodb", client("dynamodb").list_tables, "ProvisionedThroughputExceededException"),
            ("sts", client("sts").get_caller_identity, "Throttling"),
        ):
            peer().control("POST", "faults", {"service": service, "kind": "throttle"})
            members = {"CertificateAuthorityArn": "arn:aws:a:b:1:d"} if service == "acm-pca" else {}
            self.refused(name, 400, call, **members)

    def test_error_by_name(self):
        self.plant(kind="error", name="ResourceAlreadyExistsException", members={"resourceId": "x"})
        met, there = self.create()
        self.assertEqual(met.response["resourceId"], "x")
        self.assertEqual((met.response["ResponseMetadata"]["HTTPStatusCode"], there), (409, False))
        self.plant(kind="error", name="AccessDeniedException")
        peer().control("DELETE", "faults")
        self.plant(kind="error", name="AccessDeniedException")
        self.assertEqual(self.create()[0].response["ResponseMetadata"]["HTTPStatusCode"], 403)
        peer().control("POST", "faults", {"service": "dynamodb", "kind": "error", "name": "AccessDeniedException"})
        self.refused("AccessDeniedException", 400, client("dynamodb").list_tables)

    def test_slow(self):
        self.plant(kind="slow", ms=150)
        started = time.monotonic()
        met, there = self.create()
        self.assertGreaterEqual(time.monotonic() - started, 0.15)
        self.assertEqual((met, there), (None, True))

    def test_slow_answer_comes_after_the_effect(self):
        self.plant(kind="slow", ms=3000)
        name = unique("slow")
        connection = http.client.HTTPConnection(peer().netloc, timeout=0.1)
        with self.assertRaises(TimeoutError):
            send("POST", f"/things/{name}", b"{}", sign("POST", f"/things/{name}", b"{}"), connection)
        connection.close()
        self.assertIn(name, peer().state("iot")["things"])

    def test_effect_of_who_gave_up_comes_before_a_look(self):
        peer().control("POST", "settings", {"latency_ms": 300})
        name = unique("late")
        connection = http.client.HTTPConnection(peer().netloc, timeout=0.1)
        with self.assertRaises(TimeoutError):
            send("POST", f"/things/{name}", b"{}", sign("POST", f"/things/{name}", b"{}"), connection)
        connection.close()
        there = peer().state("iot")["things"]
        peer().control("POST", "settings", {"latency_ms": 0})
        self.assertIn(name, there)

    def test_garbage(self):
        self.plant(kind="garbage")
        met, there = self.create()
        self.assertIsInstance(met, (ResponseParserError, UnicodeDecodeError))
        self.assertTrue(there)
        for rule, body in (
            ({"body": '{"thingName":7}'}, b'{"thingName":7}'),
            ({"size": 110}, b"\xff\x00<garbage>" * 10),
        ):
            peer().control("DELETE", "faults")
            self.plant(kind="garbage", **rule)
            self.assertEqual(send("POST", "/things/x", b"{}", sign("POST", "/things/x", b"{}"))[2], body)

    def test_truncated(self):
        self.plant(kind="truncated")
        with self.assertRaises(http.client.IncompleteRead) as caught:
            send("POST", "/things/half", b"{}", sign("POST", "/things/half", b"{}"))
        self.assertTrue(caught.exception.partial.startswith(b'{"thingName": "half"'))
        self.assertIn("half", peer().state("iot")["things"])

    def test_close_after(self):
        self.plant(kind="close-after")
        connection = http.client.HTTPConnection(peer().netloc, timeout=60)
        status, headers, _ = send("POST", "/things/x", b"{}", sign("POST", "/things/x", b"{}"), connection)
        self.assertEqual((status, headers["Connection"]), (200, None))
        self.assertEqual(connection.sock.recv(1), b"")
        connection.close()


class Plans(FaultCase):
    def outcome(self, count):
        return [self.create()[0] is None for _ in range(count)]

    def test_nth(self):
        self.plant(kind="throttle", nth=2)
        self.assertEqual(self.outcome(4), [True, False, True, True])
        self.assertEqual(self.struck(), [None, "throttle", None, None])

    def test_every(self):
        self.plant(kind="throttle", every=3)
        self.assertEqual(self.outcome(6), [True, True, False, True, True, False])

    def test_times(self):
        self.plant(kind="throttle", times=2)
        self.assertEqual(self.outcome(4), [False, False, True, True])

    def test_others_are_spared(self):
        self.plant(kind="drop-before")
        self.iot.describe_endpoint()
        peer().control("POST", "faults", {"service": "sts", "kind": "drop-before"})
        self.iot.describe_endpoint()
        client("dynamodb").list_tables()

    def test_several(self):
        peer().control(
            "POST",
            "faults",
            [
                {"operation": "CreateThing", "kind": "throttle", "nth": 1},
                {"operation": "CreateThing", "kind": "status", "status": 503, "nth": 1},
            ],
        )
        codes = [met.response["Error"]["Code"] if met else None for met, _ in (self.create() for _ in range(3))]
        self.assertEqual(codes, ["ThrottlingException", "ServiceUnavailableException", None])
        self.assertEqual([rule["struck"] for rule in peer().control("GET", "faults")["planted"]], [1, 1])

    def test_clearing(self):
        self.plant(kind="throttle")
        peer().control("DELETE", "faults")
        self.assertEqual(self.outcome(1), [True])

    def test_plans_that_are_none(self):
        for rule in (
            {"kind": "storm"},
            {"kind": "slow"},
            {"kind": "status"},
            {"kind": "error"},
            {"kind": "throttle", "when": 1},
            {},
        ):
            with self.subTest(rule), self.assertRaises(ValueError):
                peer().control("POST", "faults", rule)
        for setting in ({"speed": 1}, {"latency_ms": "5"}):
            with self.subTest(setting), self.assertRaises(ValueError):
                peer().control("POST", "settings", setting)

    def test_limits(self):
        peer().control("POST", "limits", {"iot.CreateThing": 0.01})
        self.assertEqual(self.outcome(3), [True, False, False])
        self.assertEqual([call["outcome"] for call in peer().calls()], ["answered", "throttled", "throttled"])
        self.iot.describe_endpoint()
        peer().control("POST", "limits", {"iot.CreateThing": 5})
        rig.wait_until(lambda: not self.outcome(1)[0])
        rig.wait_until(lambda: self.outcome(1)[0])


class Log(FaultCase):
    def test_calls(self):
        self.create()
        self.plant(kind="drop-after")
        self.create()
        first, second = peer().calls()
        self.assertEqual(
            (first["service"], first["operation"], first["outcome"], first["status"], first["effect"]),
            ("iot", "CreateThing", "answered", 200, True),
        )
        self.assertEqual(
            (second["outcome"], second["fault"], second["status"], second["effect"]),
            ("fault", "drop-after", None, True),
        )
        self.assertLess(abs(first["time"] - time.time()), 30)
        self.assertEqual(peer().control("GET", f'calls?since={first["n"]}')["calls"], [second])
        self.assertNotIn("secret", json.dumps(peer().calls()))

    def test_errors_are_logged(self):
        with self.assertRaises(ClientError):
            self.iot.describe_thing(thingName="nobody")
        call = peer().calls()[0]
        self.assertEqual(
            (call["error"], call["status"], call["outcome"]), ("ResourceNotFoundException", 404, "answered")
        )

    def test_connections_can_be_counted(self):
        kept = http.client.HTTPConnection(peer().netloc)
        for connection in (kept, kept, None):
            send("GET", "/endpoint", b"", sign("GET", "/endpoint"), connection)
        numbers = [call["connection"] for call in peer().calls()]
        self.assertEqual((numbers[0] == numbers[1], numbers[1] == numbers[2]), (True, False))
        self.assertGreaterEqual(peer().control("POST", "close-idle")["closed"], 1)
        self.assertEqual(kept.sock.recv(1), b"")
        kept.close()

    def test_latency(self):
        peer().control("POST", "settings", {"latency_ms": 60})
        self.create()
        self.assertGreaterEqual(peer().calls()[0]["ms"], 60)

    def test_half_a_request_does_no_harm(self):
        with socket.create_connection(peer().netloc.split(":")) as raw:
            raw.sendall(b"POST /things/a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        self.assertEqual(self.create(), (None, True))
