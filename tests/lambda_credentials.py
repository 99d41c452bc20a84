"""Certificates from the Lambda function, signed by AWS IoT Core: by a unit's request, one for each unit whatever fails on
the way; and with a key that is made for it."""

import base64
import signal

import rig
from cloud_template import as_list
from lambda_rig import PATIENCE, REGISTRATION, TEMPLATE, Case, event, row, text
from rig import client, peer, unique
from x509 import openssl, pem_to_der

POLICY = row("any")["policy"]["S"]
CSR = {"KEYLINE_CREDENTIALS": "csr", "KEYLINE_POLICY": POLICY}
KEYS = {"KEYLINE_DANGEROUS_SEND_PRIVATE_KEYS_OVER_MQTT": "true"}
# What the function calls to make a certificate, in that order.
ENROLLING = ["CreateCertificateFromCsr", "AttachPolicy", "CreateThing", "AttachThingPrincipal", "UpdateCertificate"]
FOREVER_MS = 3600_000


def request_of(device, key):
    return base64.b64encode(pem_to_der(rig.csr(key, f"/CN={device}"), "CERTIFICATE REQUEST")).decode()


def key_in(certificate):
    return openssl("pkey", "-pubin", "-outform", "DER", stdin=openssl("x509", "-noout", "-pubkey", stdin=certificate))


def allowed():
    """What the role may do with AWS IoT Core when the function signs."""
    document = TEMPLATE.resources["RegistrationSigns"]["Properties"]["PolicyDocument"]
    actions = [action for statement in document["Statement"] for action in as_list(statement["Action"])]
    return {action.removeprefix("iot:") for action in actions} - {"Publish"}


class Credentials(Case):
    def setUp(self):
        super().setUp()
        self.key = rig.make_key()
        if POLICY not in peer().state("iot")["policies"]:
            client("iot").create_policy(policyName=POLICY, policyDocument=rig.POLICY)

    def ask(self, message_id="1", key=None, device=None):
        csr = request_of(device or self.device, key or self.key)
        return event(self.bs("request"), text(message_id, csr=csr))

    def certificates(self, key=None):
        known = rig.public_key(key or self.key)
        return [one for one in peer().state("iot")["certificates"] if one["publicKey"] == known]

    def used(self):
        """The calls of AWS IoT Core's control plane so far."""
        return {call["operation"] for call in peer().calls() if call["service"] == "iot"} - {"DescribeEndpoint"}

    def handed_out(self):
        """The certificates that were published, each with the answers behind it."""
        published = self.published()
        topics = [f"bs/device/{self.device}/credentials/certificate", *(topic for topic, _ in self.answers())]
        self.assertEqual([topic for topic, _ in published], topics * (len(published) // 3))
        return [payload for _, payload in published[::3]]

    def assert_one_certificate(self):
        """The unit has one, which all there is in AWS IoT Core and all that was published says."""
        (certificate,) = self.certificates()
        thing = peer().state("iot")["things"][self.device]
        self.assertEqual((certificate["status"], certificate["policies"]), ("ACTIVE", [POLICY]))
        self.assertIn(certificate["certificateArn"], thing["principals"])
        self.assertEqual(set(self.handed_out()), {certificate["certificatePem"]})
        self.assertEqual(self.state(), ("requested", "0", "0"))

    def test_by_request(self):
        register, other = self.start("bs", **CSR), self.start("bs", **CSR)
        self.assertEqual(register.invoke(self.ask()), ("response", "answered"))
        (pem,) = self.handed_out()
        self.assertEqual(key_in(pem.encode()).hex(), rig.public_key(self.key))
        subject = openssl("x509", "-noout", "-subject", "-nameopt", "RFC2253", stdin=pem.encode())
        self.assertEqual(subject.decode().strip(), f"subject=CN={self.device}")
        openssl("verify", "-CAfile", f"{peer().folder}/iot-ca.pem", stdin=pem.encode())
        self.assert_one_certificate()
        self.assertEqual(peer().state("iot")["things"][self.device]["attributes"], {})
        # The same message, another one, another key, another process: all get that one.
        stranger = rig.make_key()
        for function, message in (
            (register, self.ask()),
            (register, self.ask("2")),
            (other, self.ask("3", stranger)),
        ):
            self.assertEqual(function.invoke(message), ("response", "answered"))
        self.assert_one_certificate()
        self.assertEqual((len(self.handed_out()), self.certificates(stranger)), (4, []))
        self.assertEqual(other.invoke(event(self.bs("ok"), text("4"))), ("response", "activated"))
        self.assertEqual(register.invoke(self.ask("5")), ("response", "counted"))
        self.assertEqual(len(self.handed_out()), 4)
        self.assert_gate_silent()

    def test_of_a_unit_that_is_connected(self):
        """A station has made its thing; the certificate by which it is connected goes on to be one."""
        iot, old = client("iot"), rig.make_key()
        iot.create_thing(thingName=self.device, attributePayload={"attributes": {"imei": "352653090000001"}})
        made = iot.create_certificate_from_csr(
            certificateSigningRequest=rig.csr(old, f"/CN={self.device}"), setAsActive=True
        )
        iot.attach_thing_principal(thingName=self.device, principal=made["certificateArn"])
        register = self.start("bs", **CSR)
        self.assertEqual(register.invoke(self.ask()), ("response", "answered"))
        self.assert_one_certificate()
        self.assertEqual([one["status"] for one in self.certificates(old)], ["ACTIVE"])
        thing = peer().state("iot")["things"][self.device]
        self.assertEqual((len(thing["principals"]), thing["attributes"]["imei"]), (2, "352653090000001"))

    def test_refused(self):
        register = self.start("bs", **CSR)
        rows = {"policy": {"S": "Administrator"}}, {"policy": None}
        table = [
            (self.ask(device="FX30-other"), "malformed", "FX30-other"),
            (event(self.bs("request"), text("2")), "malformed", "no certificate request"),
            (event(self.bs("request"), text("3", csr="AQID")), "malformed", "request"),
            (self.ask("4", rig.key("rsa:2048")), "malformed", "elliptic curve"),
            ({**self.ask("5"), "client": "FX30-other"}, "foreign", "FX30-other"),
        ]
        for message, verdict, _ in table:
            self.assertEqual(register.invoke(message), ("response", verdict))
        for changed in rows:
            item = {name: value for name, value in {**row(self.device), **changed}.items() if value is not None}
            client("dynamodb").put_item(TableName=REGISTRATION, Item=item)
            self.assertEqual(register.invoke(self.ask(unique("m"))), ("response", "bad-row"))
        self.assertEqual((self.state(), self.published(), self.used()), (("false", "0", "0"), [], set()))
        register.close()
        details = [why for *_, why in table] + ["policy"] * len(rows)
        self.assertEqual(len(register.lines), len(details) + 1)
        for line, why in zip(register.lines, details):
            self.assertIn(why, line["detail"])

    def killed(self, operation, nth=1):
        """A process that is killed right after that call has had its effect."""
        before = len(peer().calls())
        peer().control("POST", "faults", {"operation": operation, "nth": nth, "kind": "slow", "ms": FOREVER_MS})
        register = self.start("bs", **CSR)
        register.send(self.message)

        def has_had_its_effect():
            return any(call["fault"] == "slow" and "backend_ms" in call for call in peer().calls()[before:])

        rig.wait_until(has_had_its_effect, PATIENCE)
        register.process.send_signal(signal.SIGKILL)
        register.process.wait()
        register.close()
        peer().control("DELETE", "faults")

    def let_the_claim_end(self):
        """As a minute does."""
        client("dynamodb").update_item(
            TableName=REGISTRATION,
            Key={"device": {"S": self.device}},
            UpdateExpression="SET keyline_boot_claimed = :t",
            ExpressionAttributeValues={":t": {"N": "1"}},
        )

    def test_killed(self):
        """Anywhere between its claim and its answer: the next event finds what is there, and makes it whole."""
        register = self.start("bs", **CSR)
        points = [("UpdateItem", 2), *((operation, 1) for operation in ENROLLING), ("UpdateItem", 3)]
        for point in points:
            with self.subTest(point):
                self.device, self.key = unique("FX30"), rig.make_key()
                self.published_before = len(peer().state("iot-data")["published"])
                client("dynamodb").put_item(TableName=REGISTRATION, Item=row(self.device))
                self.message = self.ask()
                self.killed(*point)
                if point != points[-1]:
                    self.assertEqual(self.published(), [])
                    self.assertEqual(register.invoke(self.message), ("error", "Keyline.ACTIVATION_BUSY"))
                    self.let_the_claim_end()
                self.assertEqual(register.invoke(self.message), ("response", "answered"))
                self.assert_one_certificate()
        self.assertEqual(self.used(), allowed())
        self.assert_gate_silent()

    def test_failing(self):
        """Lambda's repeat goes on where an invocation ended, and is what makes the one certificate."""
        register = self.start("bs", **CSR)
        denied = {"kind": "error", "name": "UnauthorizedException", "times": 1}
        for fault in (
            {"operation": "CreateCertificateFromCsr", "kind": "drop-after", "times": 1},
            {"operation": "CreateCertificateFromCsr", "kind": "status", "status": 500, "effect": True, "times": 1},
            {"operation": "AttachPolicy", **denied},
            {"operation": "UpdateCertificate", **denied},
        ):
            with self.subTest(fault):
                self.device, self.key = unique("FX30"), rig.make_key()
                self.published_before = len(peer().state("iot-data")["published"])
                client("dynamodb").put_item(TableName=REGISTRATION, Item=row(self.device))
                peer().control("POST", "faults", fault)
                results = register.invoke_as_lambda(self.ask())
                peer().control("DELETE", "faults")
                self.assertEqual([kind for kind, _ in results], ["error", "response"])
                self.assert_one_certificate()
        self.assert_gate_silent()

    def test_throttled(self):
        """For as long as there is time; then Lambda repeats it, and in the end the event lies in the queue."""
        register = self.start("bs", **CSR)
        peer().control("POST", "faults", {"operation": "CreateCertificateFromCsr", "kind": "throttle"})
        message = self.ask()
        kind, error = register.invoke(message, seconds=2)
        self.assertEqual((kind, error.startswith("Keyline.")), ("error", True))
        self.assertEqual((self.certificates(), self.published()), ([], []))
        peer().control("DELETE", "faults")
        self.let_the_claim_end()
        self.assertEqual(register.invoke(message), ("response", "answered"))
        self.assert_one_certificate()

    def test_with_a_key(self):
        """The seed's way: the key comes once, with the certificate, and is nowhere else."""
        register = self.start("bs", **{**CSR, **KEYS, "KEYLINE_CREDENTIALS": "create-keys"})
        place = f"bs/device/{self.device}/credentials/"
        self.assertEqual(register.invoke(event(self.bs("request"), text("1"))), ("response", "answered"))
        (topic, pem), (key_topic, key), *rest = self.published()
        self.assertEqual((topic, key_topic, rest), (place + "certificate", place + "key", self.answers()))
        made = openssl("pkey", "-pubout", "-outform", "DER", stdin=key.encode())
        self.assertEqual(key_in(pem.encode()), made)
        (certificate,) = [one for one in peer().state("iot")["certificates"] if one["publicKey"] == made.hex()]
        self.assertEqual((certificate["status"], certificate["policies"]), ("ACTIVE", [POLICY]))
        self.assertEqual(peer().state("iot")["things"][self.device]["principals"], [certificate["certificateArn"]])
        for message_id in ("1", "2"):
            self.published_before = len(peer().state("iot-data")["published"])
            self.assertEqual(register.invoke(event(self.bs("request"), text(message_id))), ("response", "answered"))
            self.assertEqual(self.published(), [(topic, pem), *self.answers()])
        self.assertNotIn("PRIVATE", str(self.item()))
        register.close()
        self.assertEqual([line["verdict"] for line in register.lines].count("key-gone"), 2)
        self.assertNotIn("PRIVATE", str(register.lines))
        self.assert_gate_silent()
