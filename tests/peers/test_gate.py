"""The gate refuses what a service would refuse, and lets pass what the official client says."""

import datetime
import email.message
import json
import os
import random
import socket
import subprocess
import time
import unittest.mock
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import rig
import sigv4
from errors import AwsError, Clock
from faults import Faults, Limits
from gate import Gate
from rig import client, peer, send, sign
from wire import Request

ENDPOINT = "/endpoint?endpointType=iot%3AData-ATS"


class Signatures(rig.PeerCase):
    def answer(self, expected, status, headers, target=ENDPOINT, method="GET", body=b""):
        got, answered, text = send(method, target, body, headers)
        self.assertEqual((got, answered["x-amzn-ErrorType"].split(":")[0]), (status, expected), text)
        self.assertEqual([bool(call["refused"]) for call in peer().calls()], [True])

    def test_good_ones_pass(self):
        status, _, text = send("GET", ENDPOINT, b"", sign("GET", ENDPOINT))
        self.assertEqual(
            (status, json.loads(text)["endpointAddress"]), (200, "a1peer0000000-ats.iot.eu-central-1.amazonaws.com")
        )
        self.assert_gate_silent()

    def test_none(self):
        self.answer("MissingAuthenticationTokenException", 403, {"Host": peer().netloc})

    def test_half_a_header(self):
        headers = sign("GET", ENDPOINT)
        headers["Authorization"] = headers["Authorization"].split(", Signature")[0]
        self.answer("IncompleteSignatureException", 403, headers)

    def test_wrong_signature(self):
        headers = sign("GET", ENDPOINT)
        last = headers["Authorization"][-1]
        headers["Authorization"] = headers["Authorization"][:-1] + ("0" if last != "0" else "1")
        self.answer("InvalidSignatureException", 403, headers)

    def test_wrong_secret(self):
        self.answer(
            "InvalidSignatureException",
            403,
            sign("GET", ENDPOINT, credentials=Credentials(sigv4.USER.access_key, "x" * 40)),
        )

    def test_unknown_key(self):
        self.answer(
            "UnrecognizedClientException", 403, sign("GET", ENDPOINT, credentials=Credentials("AKIANOBODY", "x" * 40))
        )

    def test_wrong_region(self):
        self.answer("InvalidSignatureException", 403, sign("GET", ENDPOINT, region="us-west-2"))

    def test_wrong_service(self):
        self.answer("InvalidSignatureException", 403, sign("GET", ENDPOINT, service="kinesis"))

    def test_other_host(self):
        self.answer("UnknownOperationException", 404, sign("GET", ENDPOINT, host="iot.us-west-2.amazonaws.com"))

    def test_real_host(self):
        self.assertEqual(
            send("GET", ENDPOINT, b"", sign("GET", ENDPOINT, host="iot.eu-central-1.amazonaws.com"))[0], 200
        )

    def test_tampered_query(self):
        self.answer("InvalidSignatureException", 403, sign("GET", ENDPOINT), target="/endpoint?endpointType=iot%3AData")

    def test_tampered_path(self):
        self.answer("InvalidSignatureException", 403, sign("GET", "/things/a"), target="/things/b")

    def test_tampered_method(self):
        self.answer("InvalidSignatureException", 403, sign("GET", "/things/a"), method="DELETE", target="/things/a")

    def test_tampered_payload(self):
        self.answer(
            "InvalidSignatureException",
            403,
            sign("POST", "/things/a", b"{}"),
            method="POST",
            target="/things/a",
            body=b"{ }",
        )

    def test_payload_hash_of_another_body(self):
        claimed = {"X-Amz-Content-SHA256": "0" * 64}
        self.answer(
            "InvalidSignatureException",
            403,
            sign("POST", "/things/a", b"{}", claimed),
            method="POST",
            target="/things/a",
            body=b"{}",
        )

    def test_unsigned_amz_header(self):
        self.answer("InvalidSignatureException", 403, {**sign("GET", ENDPOINT), "X-Amz-Extra": "1"})

    def test_headers_that_must_be_signed(self):
        for names in (["x-amz-date"], ["x-amz-date", "host"], ["host", "x-amz-date", "x-amz-extra"]):
            with self.subTest(names):
                peer().control("DELETE", "calls")
                self.answer("InvalidSignatureException", 403, self.signed_as_named(names))

    @staticmethod
    def signed_as_named(names):
        """A request whose signature is right for the headers that it names, in their order."""

        class Named(SigV4Auth):
            def headers_to_sign(self, request):
                return {name: request.headers[name] for name in names if name in request.headers}

            def canonical_headers(self, headers_to_sign):
                return "\n".join(f'{name}:{headers_to_sign.get(name, "")}' for name in names)

            def signed_headers(self, headers_to_sign):
                return ";".join(names)

        request = AWSRequest("GET", f"http://{peer().netloc}{ENDPOINT}", headers={"Host": peer().netloc})
        Named(sigv4.USER, "iot", rig.REGION).add_auth(request)
        return dict(request.headers.items())

    def test_token(self):
        self.assertEqual(send("GET", ENDPOINT, b"", sign("GET", ENDPOINT, credentials=sigv4.ROLE))[0], 200)
        peer().control("DELETE", "calls")
        bent = Credentials(sigv4.ROLE.access_key, sigv4.ROLE.secret_key, "stale")
        self.answer("UnrecognizedClientException", 403, sign("GET", ENDPOINT, credentials=bent))

    def test_token_missing(self):
        bent = Credentials(sigv4.ROLE.access_key, sigv4.ROLE.secret_key)
        self.answer("UnrecognizedClientException", 403, sign("GET", ENDPOINT, credentials=bent))

    def test_date_of_another_day(self):
        headers = sign("GET", ENDPOINT)
        today = headers["X-Amz-Date"][:8]
        headers["Authorization"] = headers["Authorization"].replace(today, "20200101")
        self.answer("InvalidSignatureException", 403, headers)

    def test_skew(self):
        for offset, passes, words in (
            (290, True, ""),
            (-290, True, ""),
            (310, False, "expired"),
            (-310, False, "not yet current"),
        ):
            peer().control("POST", "settings", {"clock_offset": offset})
            status, headers, text = send("GET", ENDPOINT, b"", sign("GET", ENDPOINT))
            self.assertEqual(status == 200, passes, (offset, text))
            self.assertIn(words.encode(), text)
            server = datetime.datetime.strptime(headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(
                tzinfo=datetime.timezone.utc
            )
            self.assertAlmostEqual(server.timestamp(), time.time() + offset, delta=60)

    def test_refusals_in_the_words_of_each_protocol(self):
        bad = Credentials(sigv4.USER.access_key, "x" * 40)
        self.refused("InvalidSignatureException", 403, client("iot", bad).describe_endpoint)
        self.refused("InvalidSignatureException", 400, client("dynamodb", bad).list_tables)
        self.refused(
            "InvalidSignatureException",
            400,
            client("acm-pca", bad).describe_certificate_authority,
            CertificateAuthorityArn="arn:aws:a:b:c",
        )
        self.refused("SignatureDoesNotMatch", 403, client("sts", bad).get_caller_identity)

    def test_whatever_can_be_signed_passes(self):
        """Names with every kind of character, in path, query and header; botocore is the judge."""
        draw = random.Random(7)
        for _ in range(60):
            name = "".join(draw.choice("aZ0 :_-%/?#&=+~é€@!*()") for _ in range(draw.randint(1, 20)))
            self.refused_only_by_model(name)

    def refused_only_by_model(self, name):
        target = f'/policies/{quote(name, safe="")}?x={quote(name, safe="-_.~")}&a={quote(name[::-1], safe="-_.~")}'
        status, _, text = send("GET", target, b"", sign("GET", target))
        self.assertEqual(status, 400, text)
        self.assertIn(b"unknown parameter" if b"uri policyName" not in text else b"does not match", text)


class Requests(rig.PeerCase):
    def test_wrong_ones(self):
        thing, body = "/things/a", lambda value: json.dumps(value).encode()
        table = [
            ("route", "GET", "/nowhere", b"", "no operation is"),
            ("method", "DELETE", "/endpoint", b"", "no operation is"),
            ("unknown member", "POST", thing, body({"thingTypename": "x"}), "body.thingTypename: unknown member"),
            (
                "deep unknown",
                "POST",
                thing,
                body({"attributePayload": {"attribute": {}}}),
                "body.attributePayload.attribute: unknown member",
            ),
            (
                "missing member",
                "POST",
                "/certificates?setAsActive=false",
                b"{}",
                "body.certificateSigningRequest: missing",
            ),
            ("missing query", "PUT", "/certificates/" + "a" * 64, b"", "querystring newStatus: missing"),
            ("missing header", "PUT", "/things/a/principals", b"", "header x-amzn-principal: missing"),
            (
                "unknown query",
                "POST",
                "/certificates?active=true",
                body({"certificateSigningRequest": "x"}),
                "query active: unknown",
            ),
            ("query twice", "GET", "/certificates?pageSize=1&pageSize=2", b"", "stands twice"),
            ("enum", "PUT", "/certificates/" + "a" * 64 + "?newStatus=LIVE", b"", "'LIVE' is not one of"),
            ("pattern", "POST", "/things/a%20b", b"{}", "does not match"),
            ("id pattern", "GET", "/certificates/" + "g" * 64, b"", "does not match"),
            ("length", "POST", "/things/" + "a" * 129, b"{}", "at most 128"),
            (
                "too long a CSR",
                "POST",
                "/certificates",
                body({"certificateSigningRequest": "x" * 4097}),
                "at most 4096",
            ),
            ("range", "GET", "/certificates?pageSize=251", b"", "at most 250"),
            ("not a number", "GET", "/certificates?pageSize=many", b"", "is not a integer"),
            ("not a boolean", "GET", "/certificates?isAscendingOrder=yes", b"", "is not a boolean"),
            ("type", "POST", thing, body({"thingTypeName": 7}), "not a string"),
            ("type of a map", "POST", thing, body({"attributePayload": {"attributes": []}}), "not an object"),
            ("body where none belongs", "GET", "/endpoint", b'{"a":1}', "takes none"),
            ("no JSON", "POST", thing, b"{", "body:"),
            ("no object", "POST", thing, b"[]", "not an object"),
            ("twice", "POST", thing, b'{"thingTypeName":"a","thingTypeName":"b"}', "stands twice"),
            ("no UTF-8", "POST", thing, b'{"thingTypeName":"\xff"}', "body:"),
        ]
        for name, method, target, text, words in table:
            with self.subTest(name):
                peer().control("DELETE", "calls")
                status, _, answer = send(method, target, text, sign(method, target, text))
                self.assertIn(status, (400, 404))
                self.assertIn(words, json.loads(answer)["message"])
                self.assertEqual([(call["status"], call["effect"]) for call in peer().calls()], [(status, False)])

    def test_headers(self):
        for name, value, words in (("Content-Type", "text/plain", "Content-Type"), ("X-Amzn-Thing", "x", "unknown")):
            status, _, answer = send("POST", "/things/a", b"{}", sign("POST", "/things/a", b"{}", {name: value}))
            self.assertEqual(status, 400)
            self.assertIn(words, json.loads(answer)["message"])

    def test_json_services(self):
        put = {"X-Amz-Target": "DynamoDB_20120810.PutItem", "Content-Type": "application/x-amz-json-1.0"}
        pca = {"X-Amz-Target": "ACMPrivateCA.IssueCertificate", "Content-Type": "application/x-amz-json-1.1"}
        table = [
            ("dynamodb", {**put, "X-Amz-Target": "DynamoDB_20120810.PutItems"}, b"{}", "X-Amz-Target"),
            ("dynamodb", {**put, "Content-Type": "application/x-amz-json-1.1"}, b"{}", "Content-Type"),
            ("dynamodb", put, b'{"TableName":"abc"}', "body.Item: missing"),
            ("dynamodb", put, b'{"TableName":"abc","Item":{"a":{"X":"1"}}}', "body.Item.a.X: unknown member"),
            ("dynamodb", put, b'{"TableName":"abc","Item":{"a":{"N":1}}}', "body.Item.a.N: not a string"),
            ("dynamodb", put, b'{"TableName":"abc","Item":{},"ReturnValues":"ALL"}', "is not one of"),
            ("acm-pca", {**pca, "Content-Type": "application/x-amz-json-1.0"}, b"{}", "Content-Type"),
            ("acm-pca", pca, b'{"CertificateAuthorityArn":"arn:aws:acm-pca:a:1:b","Csr":"%%"}', "body.Csr: not base64"),
            ("acm-pca", pca, b'{"CertificateAuthorityArn":"nonsense"}', "does not match"),
        ]
        for service, headers, body, words in table:
            with self.subTest(words):
                status, _, answer = send("POST", "/", body, sign("POST", "/", body, headers, service))
                self.assertEqual(status, 400)
                self.assertIn(words, json.loads(answer)["message"])

    def test_chunked_is_refused(self):
        with socket.create_connection(peer().netloc.split(":")) as raw:
            raw.sendall(b"POST /things/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            self.assertIn(b" 411 ", raw.recv(4096))

    def test_a_client_that_expects_100_is_told_to_go_on(self):
        with socket.create_connection(peer().netloc.split(":")) as raw:
            raw.settimeout(60)
            raw.sendall(b"POST /things/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            self.assertIn(b" 100 ", raw.recv(4096))
            raw.sendall(b"{}")
            self.assertIn(b" 403 ", raw.recv(4096))

    def test_what_the_peer_lacks_is_said(self):
        self.refused("UnknownOperationException", 404, client("iot").list_jobs)
        self.assertIn("has no ListJobs", peer().calls()[0]["refused"])


class Answers(rig.PeerCase):
    """The gate's check of answers, on a fake that is bent here."""

    def bad_answer(self, target, status):
        class Bent:
            def DescribeEndpoint(self, endpointType):
                return {"endpointAddress": "x", "endpoint": "y"}

            def GetRegistrationCode(self):
                raise ZeroDivisionError("planned")

            def DescribeThing(self, thingName):
                raise AwsError("LimitExceededException", "planned")

            def DescribeCertificate(self, certificateId):
                raise AwsError("ResourceNotFoundException", "planned", resourceId="x")

        gate = Gate(rig.REGION, Clock(), {}, Faults(), Limits(), {"iot": Bent()})
        headers, entry = email.message.Message(), {}
        for name, value in sign("GET", target).items():
            headers[name] = value
        with unittest.mock.patch("traceback.print_exc"):
            outcome = gate.handle(Request.parse("GET", target, headers, b""), peer().netloc, entry)
        self.assertEqual(outcome.answer.status, status)
        return entry["bad_answer"]

    def test_unknown_member(self):
        self.assertEqual(self.bad_answer(ENDPOINT, 500), "Mismatch: answer.endpoint: unknown member")

    def test_broken_fake(self):
        self.assertEqual(self.bad_answer("/registrationcode", 500), "ZeroDivisionError: planned")

    def test_undocumented_error(self):
        self.assertEqual(self.bad_answer("/things/a", 400), "LimitExceededException is no documented error")

    def test_unknown_member_of_an_error(self):
        target = f"/certificates/{rig.NOBODY}"
        self.assertEqual(self.bad_answer(target, 404), "ResourceNotFoundException has no ['resourceId']")


class Life(rig.PeerCase):
    def test_ends_with_stdin(self):
        own = rig.Peer()
        own.process.stdin.close()
        self.assertEqual(own.process.wait(60), 0)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(own.netloc.split(":")).close()

    def test_ends_with_its_parent(self):
        command = f"'{rig.HERE}/aws-peer' --dir '{rig.folder()}/life' --with-parent </dev/null & read -r; exit"
        with subprocess.Popen(
            ["bash", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as parent:
            host = parent.stdout.readline().strip().removeprefix("http://").split(":")
            socket.create_connection(host).close()
            parent.stdin.close()
            parent.wait(60)

            def gone():
                try:
                    socket.create_connection(host).close()
                except ConnectionRefusedError:
                    return True

            rig.wait_until(gone)

    def test_listens_on_loopback_only(self):
        port = int(peer().netloc.split(":")[1])
        with open("/proc/net/tcp", encoding="ascii") as file:
            listening = [
                line.split()[1] for line in file if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
            ]
        self.assertEqual(listening, [f"0100007F:{port:04X}"])

    def test_tls(self):
        own = rig.Peer("--tls")
        self.assertTrue(own.address.startswith("https://"))
        with unittest.mock.patch.dict(os.environ, AWS_CA_BUNDLE=f"{own.folder}/tls.pem"):
            self.assertEqual(client("sts", address=own.address).get_caller_identity()["Account"], "123456789012")
        own.close()
