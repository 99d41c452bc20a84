#!/usr/bin/python3
"""The two Lambda functions of first boot, as programs: against a local Runtime API, with the events that the rules of
packaging/aws/activation.yaml make, and the strict AWS peer behind them.

test-lambda.py TREE REGISTRATION-PROGRAM UPDATE-PROGRAM [NAME]
"""

import base64
import contextlib
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import threading
import unittest

sys.dont_write_bytecode = True

import lambda_rig
import rig
from lambda_credentials import KEYS, Credentials
from lambda_rig import (
    ENVIRONMENT,
    PATIENCE,
    PROGRAMS,
    REGISTRATION,
    ROOT,
    SIGNATURE,
    Case,
    event,
    make_table,
    put_software,
    row,
    text,
)
from rig import client, peer, unique


class FirstBoot(Case):
    def test_from_false_to_its_version(self):
        register, update = self.start("bs"), self.start("dm")
        put_software(b"soft\0ware")
        self.assertEqual(update.invoke(event(self.dm("update/request"))), ("response", "not-active"))
        self.assertEqual(register.invoke(event(self.bs("request"), text("1"))), ("response", "answered"))
        self.assertEqual((self.state(), self.published()), (("requested", "0", "0"), self.answers()))
        self.assertEqual(register.invoke(event(self.bs("ok"), text("2"))), ("response", "activated"))
        self.assertEqual(self.state(), ("ok", "0", "0"))
        for topic in ("version/request", "update/request"):
            self.assertEqual(update.invoke(event(self.dm(topic))), ("response", "software"))
        _, _, *software = self.published()
        self.assertEqual([topic for topic, _ in software], [self.dm("update/parameters/"), self.dm("update/")] * 2)
        self.assertEqual(base64.b64decode(software[1][1]), b"soft\0ware")
        told = json.loads(software[0][1])
        self.assertEqual((told["version"], told["size"], told["signature"]), (3, 9, SIGNATURE))
        self.assertEqual(update.invoke(event(self.dm("update/ok"), text("5", version=3))), ("response", "version"))
        self.assertEqual(self.state(), ("ok", "3", "0"))
        self.assertEqual(
            self.counts(), {"not-active": 1, "answered": 1, "activated": 1, "software": 2, "version": 1}
        )
        self.assert_gate_silent()
        self.assertEqual((register.close(), update.close()), (1, 1))
        told = [line["verdict"] for line in register.lines + update.lines]
        self.assertEqual(
            told, ["answered", "activated", "ended", "not-active", "software", "software", "version", "ended"]
        )
        self.assertEqual(register.lines[0]["device"], self.device)

    def test_repeated_by_anybody(self):
        """Lambda's repeat (the same trace and invocation), the unit's (the same id), and a new one of either."""
        register = self.start("bs")
        self.activate(register)
        without_id = event(self.bs("ok"))
        for expected in ("counted", "repeated", "repeated"):
            self.assertEqual(register.invoke(without_id), ("response", expected))
        for expected in ("counted", "repeated"):
            self.assertEqual(register.invoke(event(self.bs("ok"), text("9"))), ("response", expected))
        self.assertEqual(register.invoke(event(self.bs("ok"))), ("response", "counted"))
        untraced = {name: value for name, value in event(self.bs("ok")).items() if name != "trace"}
        for expected in ("counted", "repeated"):
            self.assertEqual(register.invoke(untraced, "11111111-invocation"), ("response", expected))
        self.assertEqual(self.state(), ("ok", "0", "4"))
        register.close()
        alarms = [line["connections"] for line in register.lines if line.get("alarm")]
        self.assertEqual(alarms, [2, 3, 4])

    def test_two_at_once(self):
        """Two processes get the same messages at the same time: each message is one change."""
        pair = [self.start("bs"), self.start("bs")]
        messages = [("request", "1"), ("ok", "2"), *(("ok", f"c{n}") for n in range(6))]
        verdicts = {}
        for level, message_id in messages:
            threads = [
                threading.Thread(
                    target=lambda f=function: verdicts.setdefault(message_id, []).append(
                        f.invoke(event(self.bs(level), text(message_id)))
                    )
                )
                for function in pair
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(sorted(verdicts["1"]), [("response", "answered")] * 2)
        self.assertEqual(sorted(verdicts["2"]), [("response", "activated"), ("response", "repeated")])
        self.assertEqual(self.state(), ("ok", "0", "6"))
        self.assertEqual(self.counts(), {"answered": 1, "activated": 1, "counted": 6, "repeated": 8})
        self.assert_gate_silent()


class Refused(Case):
    def test_messages(self):
        register = self.start("bs")
        nobody = unique("nobody")
        table = [
            (event(f"bs/device/{nobody}/register/request"), "unknown-device"),
            (event(self.bs("ok"), text("1")), "early-confirm"),
            (event(self.bs("request"), text("2"), client_id="FX30-other"), "foreign"),
            (event(self.bs("request"), text("3"), client_id="n/a"), "foreign"),
            (event(self.bs("request"), b"\xff\xfe"), "malformed"),
            (event(self.bs("request"), b'{"id":"4"} {}'), "malformed"),
            (event(self.bs("request"), b'{"id":"5","pad":"' + b"x" * 8192 + b'"}'), "oversized"),
            ({**event(self.bs("request")), "topic": f"bs/device/{self.device}/parameters/"}, "own"),
            ({**event(self.bs("request")), "topic": f"bs/device/{self.device}/register/other"}, "malformed"),
        ]
        for message, verdict in table:
            self.assertEqual(register.invoke(message), ("response", verdict), message)
        self.assertEqual((self.state(), self.published()), (("false", "0", "1"), []))
        self.assertEqual(self.counts("#nobody")["unknown-device"] >= 1, True)
        register.close()
        self.assertEqual([line["verdict"] for line in register.lines], [v for _, v in table if v != "own"] + ["ended"])

    def test_own_publications_come_to_no_function(self):
        for topic in ("update/", "update/parameters/"):
            self.assertIsNone(event(self.dm(topic), b"x"))
        update = self.start("dm")
        message = {**event(self.dm("update/request")), "topic": self.dm("update/")}
        self.assertEqual(update.invoke(message), ("response", "own"))
        self.assertEqual(self.published(), [])

    def test_events(self):
        """What no rule of ours makes is told, and never repeated."""
        register = self.start("bs")
        good = event(self.bs("request"))
        table = [
            b"",
            b"[]",
            b"nonsense",
            b'{"device":"' + self.device.encode() + b'","level":"request"}',
            {**good, "payload": "no Base64"},
            {**good, "payload": 5},
            {**good, "topic": 5},
            {**good, "client": None},
            {**good, "topic": self.dm("update/request")},
            {**good, "topic": "other/device/x/register/request"},
        ]
        for one in table:
            self.assertEqual(register.invoke(one), ("response", "bad-event"), one)
        self.assertEqual(self.state(), ("false", "0", "0"))
        self.assertEqual(register.invoke({**good, "payload": None}), ("response", "answered"))
        register.close()
        self.assertEqual([line["verdict"] for line in register.lines][: len(table)], ["bad-event"] * len(table))
        self.assertTrue(all(line["detail"] and line["invocation"] for line in register.lines[: len(table)]))

    def test_too_long_an_event(self):
        register = self.start("bs")
        self.assertEqual(register.invoke(b'{"pad":"' + b"x" * (1 << 20) + b'"}'), ("error", "Keyline.CONFIG_INVALID"))
        self.assertEqual(register.invoke(event(self.bs("request"))), ("response", "answered"))

    def test_no_software(self):
        register, update = self.start("bs"), self.start("dm")
        self.activate(register)
        client("dynamodb").update_item(
            TableName=REGISTRATION,
            Key={"device": {"S": self.device}},
            UpdateExpression="SET firmware = :f",
            ExpressionAttributeValues={":f": {"S": "other"}},
        )
        self.assertEqual(update.invoke(event(self.dm("version/request"))), ("response", "no-software"))
        self.assertEqual(len(self.published()), 2)


class Faults(Case):
    """Whatever fails: in the end each message is one change, and what it brings has been published."""

    def each(self, *faults):
        register = self.start("bs")
        for fault in faults:
            with self.subTest(fault):
                self.device = unique("FX30")
                self.published_before = len(peer().state("iot-data")["published"])
                client("dynamodb").put_item(TableName=REGISTRATION, Item=row(self.device))
                peer().control("POST", "faults", fault)
                request = register.invoke_as_lambda(event(self.bs("request")))
                peer().control("DELETE", "faults")
                self.assertEqual(request[-1], ("response", "answered"))
                self.assertEqual(self.state(), ("requested", "0", "0"))
                self.assertEqual(self.counts()["answered"], 1)
                self.assertEqual(list(dict.fromkeys(self.published())), self.answers())
                peer().control("POST", "faults", fault)
                confirm = register.invoke_as_lambda(event(self.bs("ok")))
                peer().control("DELETE", "faults")
                self.assertIn(confirm[-1], [("response", "activated"), ("response", "repeated")])
                self.assertEqual(self.state(), ("ok", "0", "0"))
                self.assertEqual(self.counts()["activated"], 1)

    def test_lost_and_throttled(self):
        self.each(
            *(
                {"operation": operation, "nth": 1, **fault}
                for operation in ("GetItem", "UpdateItem", "Publish")
                for fault in (
                    {"kind": "drop-before"},
                    {"kind": "drop-after"},
                    {"kind": "throttle"},
                    {"kind": "status", "status": 500, "effect": True},
                )
            )
        )
        self.assert_gate_silent()

    def test_refused_and_repeated(self):
        """Failures that end an invocation: Lambda's repeat goes on where it ended."""
        denied = {"kind": "error", "name": "AccessDeniedException", "times": 1}
        self.each(
            {"operation": "GetItem", **denied},
            {"operation": "UpdateItem", **denied},
            {"operation": "Publish", "kind": "error", "name": "UnauthorizedException", "nth": 2},
        )

    def test_too_late(self):
        register = self.start("bs")
        peer().control("POST", "faults", {"operation": "UpdateItem", "kind": "slow", "ms": 1500, "times": 1})
        message = event(self.bs("request"))
        kind, error = register.invoke(message, "late-invocation", seconds=1)
        self.assertEqual((kind, error.startswith("Keyline.")), ("error", True))
        peer().state("dynamodb")  # waits until what was sent has had its effect
        self.assertEqual(register.invoke(message, "late-invocation"), ("response", "answered"))
        self.assertEqual((self.state(), self.counts()["answered"]), (("requested", "0", "0"), 1))

    def test_given_up(self):
        update = self.start("dm")
        peer().control("POST", "faults", {"operation": "GetItem", "kind": "error", "name": "AccessDeniedException"})
        results = update.invoke_as_lambda(event(self.dm("version/request")))
        self.assertEqual(results, [("error", "Keyline.CLOUD_DENIED")] * 3)
        update.close()
        self.assertEqual([line["verdict"] for line in update.lines], ["failed"] * 3 + ["ended"])
        self.assertIn("CLOUD_DENIED", update.lines[0]["detail"])


class Life(Case):
    def ends(self, *, init=None, **environment):
        function = self.start("bs", **environment)
        if init is not None:
            self.assertEqual(function.result()[:2] + (function.process.wait(PATIENCE),), ("init", "error", 1))
        else:
            self.assertEqual(function.process.wait(PATIENCE), 1)
        function.reader.join()
        return function.lines[-1]

    def test_what_it_can_not_begin_with(self):
        for environment in (
            {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""},
            {"AWS_ENDPOINT_URL": "http://example.com"},
            {"KEYLINE_CREDENTIALS": "create-keys"},
            {"KEYLINE_CREDENTIALS": "csr", **KEYS},
            KEYS,
            {name: "yes" for name in KEYS},
            {"KEYLINE_CREDENTIALS": "other"},
            {"KEYLINE_CONNECTIONS_ALARM": "-1"},
        ):
            with self.subTest(environment):
                line = self.ends(init=True, **environment)
                self.assertEqual(line["verdict"], "not-begun")
                self.assertIn("CONFIG_INVALID", line["detail"])

    def test_without_a_runtime_api(self):
        for api in ("", "example.com:80", "127.0.0.1:1"):
            environment = {**os.environ, **ENVIRONMENT, "AWS_LAMBDA_RUNTIME_API": api}
            done = subprocess.run([PROGRAMS["bs"]], env=environment, stdout=subprocess.PIPE, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 1, api)
            self.assertIn(json.loads(done.stdout.splitlines()[-1])["verdict"], ("no-runtime", "ended"))

    def test_a_runtime_api_in_trouble(self):
        function = self.start("bs")
        function.api.next_status = 500
        function.send(b"{}")
        self.assertEqual(function.process.wait(PATIENCE), 1)

    def test_the_accounts_data_plane(self):
        """Without a configured one, DescribeEndpoint is asked, once; and that is where messages go, by HTTPS."""
        own = rig.Peer("--tls")
        with contextlib.closing(own):
            aws = client("dynamodb", address=own.address, verify=f"{own.folder}/tls.pem")
            make_table(aws, REGISTRATION)
            aws.put_item(TableName=REGISTRATION, Item=row(self.device))
            own.control("POST", "settings", {"own_data": 1})
            function = self.start(
                "bs",
                AWS_ENDPOINT_URL="",
                AWS_CA_BUNDLE=f"{own.folder}/tls.pem",
                AWS_ENDPOINT_URL_DYNAMODB=own.address,
                AWS_ENDPOINT_URL_IOT=own.address,
            )
            for expected in ("answered", "answered"):
                self.assertEqual(function.invoke(event(self.bs("request"))), ("response", expected))
            self.assertEqual(len(own.calls("DescribeEndpoint")), 1)
            self.assertEqual(len(own.calls("Publish")), 4)


def load_tap():
    path = str(ROOT / "tests/test-peers.py")
    spec = importlib.util.spec_from_loader("tap", importlib.machinery.SourceFileLoader("tap", path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    tap = load_tap()
    wanted = sys.argv[4] if len(sys.argv) > 4 else ""
    cases = (FirstBoot, Refused, Faults, Life, Credentials)
    found = unittest.TestSuite(unittest.TestLoader().loadTestsFromTestCase(case) for case in cases)
    chosen = [test for test in tap.each(found) if wanted in test.id()]
    lambda_rig.prepare()
    result = tap.Tap()
    print(f"1..{len(chosen)}", flush=True)
    unittest.TestSuite(chosen).run(result)
    sys.exit(0 if chosen and result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
