"""IoT Core through the official client: every operation that a station uses, and its documented errors."""

import hashlib
import ssl

import rig
from rig import NOBODY, POLICY, IotCase, client, csr, key, make_key, openssl, peer, unique


class Csr(IotCase):
    def test_signs_the_requests_key(self):
        for kind in ("ec:P-256", "ec:P-384", "rsa:2048"):
            with self.subTest(kind):
                made = self.new(key_file=key(kind))
                der = ssl.PEM_cert_to_DER_cert(made["certificatePem"])
                self.assertEqual(made["certificateId"], hashlib.sha256(der).hexdigest())
                self.assertEqual(
                    made["certificateArn"], f'arn:aws:iot:eu-central-1:123456789012:cert/{made["certificateId"]}'
                )
                shown = openssl("x509", "-noout", "-pubkey", "-subject", stdin=made["certificatePem"].encode()).decode()
                self.assertIn(openssl("pkey", "-in", key(kind), "-pubout").decode(), shown)
                self.assertIn("CN = unit", shown)
                openssl("verify", "-CAfile", f"{peer().folder}/iot-ca.pem", stdin=made["certificatePem"].encode())
                self.assertEqual(self.status(made["certificateId"]), "INACTIVE")
        self.assert_gate_silent()

    def test_each_call_makes_another(self):
        request = csr()
        made = [self.iot.create_certificate_from_csr(certificateSigningRequest=request) for _ in range(2)]
        self.assertNotEqual(made[0]["certificateId"], made[1]["certificateId"])

    def test_active_at_once(self):
        self.assertEqual(self.status(self.new(active=True)["certificateId"]), "ACTIVE")

    def test_requests_that_are_none(self):
        good = csr()
        lines = good.split("\n")
        lines[3] = lines[3][:10] + ("A" if lines[3][10] != "A" else "B") + lines[3][11:]
        small = make_key("rsa:1024")
        for name, text in (
            ("words", "no"),
            ("tampered", "\n".join(lines)),
            ("small key", csr(small)),
            ("two", good + good),
            ("curve", csr(make_key("ec:secp256k1"))),
        ):
            with self.subTest(name):
                self.refused(
                    "InvalidRequestException", 400, self.iot.create_certificate_from_csr, certificateSigningRequest=text
                )
        self.assertFalse([call for call in peer().calls() if call["bad_answer"]])

    def test_describe(self):
        made = self.new()
        described = self.iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
        self.assertEqual(described["certificatePem"], made["certificatePem"])
        self.assertEqual(described["ownedBy"], "123456789012")
        self.assertGreater(described["validity"]["notAfter"].year, 2045)
        self.refused("ResourceNotFoundException", 404, self.iot.describe_certificate, certificateId=NOBODY)


class Lists(IotCase):
    def test_pages_newest_first(self):
        made = [self.new()["certificateId"] for _ in range(28)]
        first = self.iot.list_certificates()
        self.assertEqual([one["certificateId"] for one in first["certificates"]], made[::-1][:25])
        second = self.iot.list_certificates(marker=first["nextMarker"])
        self.assertEqual([one["certificateId"] for one in second["certificates"]][:3], made[::-1][25:])
        everything = [
            one["certificateId"]
            for page in self.iot.get_paginator("list_certificates").paginate(ascendingOrder=True)
            for one in page["certificates"]
        ]
        self.assertEqual(everything[-28:], made)
        self.assertEqual(len(self.iot.list_certificates(pageSize=2)["certificates"]), 2)
        self.assert_gate_silent()

    def test_a_page_outlives_newcomers(self):
        made = [self.new()["certificateId"] for _ in range(4)]
        first = self.iot.list_certificates(pageSize=2)
        self.new()
        second = self.iot.list_certificates(pageSize=2, marker=first["nextMarker"])
        self.assertEqual([one["certificateId"] for page in (first, second) for one in page["certificates"]], made[::-1])

    def test_marker_of_nothing(self):
        self.refused("InvalidRequestException", 400, self.iot.list_certificates, marker="bm9uZQ==")


class Status(IotCase):
    def test_update(self):
        made = self.new()["certificateId"]
        for status in ("ACTIVE", "ACTIVE", "INACTIVE", "REVOKED"):
            self.iot.update_certificate(certificateId=made, newStatus=status)
            self.assertEqual(self.status(made), status)
        self.refused(
            "InvalidRequestException",
            400,
            self.iot.update_certificate,
            certificateId=made,
            newStatus="PENDING_TRANSFER",
        )
        self.refused(
            "ResourceNotFoundException", 404, self.iot.update_certificate, certificateId=NOBODY, newStatus="ACTIVE"
        )

    def test_delete_rules(self):
        made, policy, thing = self.new(active=True), self.policy(), self.thing()
        name, arn = made["certificateId"], made["certificateArn"]
        self.iot.attach_policy(policyName=policy, target=arn)
        self.iot.attach_thing_principal(thingName=thing, principal=arn)
        self.refused("CertificateStateException", 406, self.iot.delete_certificate, certificateId=name)
        self.iot.update_certificate(certificateId=name, newStatus="INACTIVE")
        self.refused("DeleteConflictException", 409, self.iot.delete_certificate, certificateId=name)
        self.refused("DeleteConflictException", 409, self.iot.delete_certificate, certificateId=name, forceDelete=True)
        self.iot.detach_thing_principal(thingName=thing, principal=arn)
        self.refused("DeleteConflictException", 409, self.iot.delete_certificate, certificateId=name)
        self.refused("DeleteConflictException", 409, self.iot.delete_policy, policyName=policy)
        self.iot.detach_policy(policyName=policy, target=arn)
        self.iot.delete_certificate(certificateId=name)
        self.refused("ResourceNotFoundException", 404, self.iot.delete_certificate, certificateId=name)
        self.iot.delete_policy(policyName=policy)
        self.iot.delete_thing(thingName=thing)
        self.assert_gate_silent()

    def test_force_takes_policies_off(self):
        made, policy = self.new(), self.policy()
        self.iot.attach_policy(policyName=policy, target=made["certificateArn"])
        self.iot.delete_certificate(certificateId=made["certificateId"], forceDelete=True)
        self.assertEqual(self.iot.list_targets_for_policy(policyName=policy)["targets"], [])

    def test_detaching_takes_its_time(self):
        peer().control("POST", "settings", {"detach_ms": 100})
        made, thing = self.new(), self.thing()
        arn = made["certificateArn"]
        self.iot.attach_thing_principal(thingName=thing, principal=arn)
        self.iot.detach_thing_principal(thingName=thing, principal=arn)
        self.assertEqual(self.iot.list_thing_principals(thingName=thing)["principals"], [arn])
        self.refused("DeleteConflictException", 409, self.iot.delete_certificate, certificateId=made["certificateId"])
        self.refused("InvalidRequestException", 400, self.iot.delete_thing, thingName=thing)
        rig.wait_until(lambda: not self.iot.list_thing_principals(thingName=thing)["principals"])
        self.iot.delete_certificate(certificateId=made["certificateId"])


class ThingsAndPolicies(IotCase):
    def test_create_thing_is_idempotent_with_one_configuration(self):
        name, attributes = unique("thing"), {"attributes": {"imei": "490154203237518"}}
        first = self.iot.create_thing(thingName=name, attributePayload=attributes)
        again = self.iot.create_thing(thingName=name, attributePayload=attributes)
        self.assertEqual(first["thingId"], again["thingId"])
        other = self.refused("ResourceAlreadyExistsException", 409, self.iot.create_thing, thingName=name)
        self.assertEqual(other["resourceArn"], first["thingArn"])
        described = self.iot.describe_thing(thingName=name)
        self.assertEqual((described["attributes"], described["defaultClientId"]), (attributes["attributes"], name))
        self.assertIn(
            name,
            [one["thingName"] for page in self.iot.get_paginator("list_things").paginate() for one in page["things"]],
        )

    def test_thing_errors(self):
        self.refused("ResourceNotFoundException", 404, self.iot.describe_thing, thingName="nobody")
        self.refused("ResourceNotFoundException", 404, self.iot.create_thing, thingName="a", thingTypeName="unheard")
        self.refused("ResourceNotFoundException", 404, self.iot.create_thing, thingName="a", billingGroupName="unheard")
        many = {"attributes": {f"a{number}": "x" for number in range(4)}}
        self.refused("InvalidRequestException", 400, self.iot.create_thing, thingName="a", attributePayload=many)
        self.refused(
            "InvalidRequestException", 400, self.iot.create_thing, thingName="a", attributePayload={"merge": True}
        )
        self.iot.delete_thing(thingName="nobody")
        self.refused("VersionConflictException", 409, self.iot.delete_thing, thingName=self.thing(), expectedVersion=9)

    def test_thing_type(self):
        kind = unique("type")
        first = self.iot.create_thing_type(thingTypeName=kind)
        self.assertEqual(self.iot.create_thing_type(thingTypeName=kind)["thingTypeId"], first["thingTypeId"])
        self.refused(
            "ResourceAlreadyExistsException",
            409,
            self.iot.create_thing_type,
            thingTypeName=kind,
            thingTypeProperties={"thingTypeDescription": "other"},
        )
        self.assertEqual(self.iot.describe_thing(thingName=self.thing(thingTypeName=kind))["thingTypeName"], kind)

    def test_policy(self):
        name = self.policy()
        self.assertEqual(self.iot.get_policy(policyName=name)["policyDocument"], POLICY)
        answer = self.refused(
            "ResourceAlreadyExistsException", 409, self.iot.create_policy, policyName=name, policyDocument=POLICY
        )
        self.assertEqual(answer["resourceId"], name)
        self.refused("ResourceNotFoundException", 404, self.iot.get_policy, policyName="unheard")
        for document in ("no", "{}", POLICY.replace("iot:Connect", "x" * 2048)):
            self.refused(
                "MalformedPolicyException", 400, self.iot.create_policy, policyName="bad", policyDocument=document
            )
        self.assertIn(
            name,
            [
                one["policyName"]
                for page in self.iot.get_paginator("list_policies").paginate()
                for one in page["policies"]
            ],
        )

    def test_attach(self):
        arn, policy, thing = self.new()["certificateArn"], self.policy(), self.thing()
        for _ in range(2):
            self.iot.attach_policy(policyName=policy, target=arn)
            self.iot.attach_thing_principal(thingName=thing, principal=arn)
        self.assertEqual(
            [one["policyName"] for one in self.iot.list_attached_policies(target=arn)["policies"]], [policy]
        )
        self.assertEqual(self.iot.list_targets_for_policy(policyName=policy)["targets"], [arn])
        self.assertEqual(self.iot.list_thing_principals(thingName=thing)["principals"], [arn])
        self.assertEqual(self.iot.list_principal_things(principal=arn)["things"], [thing])
        for _ in range(2):
            self.iot.detach_policy(policyName=policy, target=arn)
            self.iot.detach_thing_principal(thingName=thing, principal=arn)
        self.assertEqual(self.iot.list_attached_policies(target=arn)["policies"], [])
        self.assertEqual(self.iot.list_thing_principals(thingName=thing)["principals"], [])
        self.assert_gate_silent()

    def test_attach_errors(self):
        arn, policy, thing = self.new()["certificateArn"], self.policy(), self.thing()
        nobody = arn[:-64] + NOBODY
        self.refused("ResourceNotFoundException", 404, self.iot.attach_policy, policyName="unheard", target=arn)
        self.refused("ResourceNotFoundException", 404, self.iot.attach_policy, policyName=policy, target=nobody)
        self.refused("InvalidRequestException", 400, self.iot.attach_policy, policyName=policy, target="cert")
        self.refused("InvalidRequestException", 400, self.iot.detach_policy, policyName=policy, target="cert")
        self.refused("ResourceNotFoundException", 404, self.iot.list_attached_policies, target=nobody)
        for call in (self.iot.attach_thing_principal, self.iot.detach_thing_principal):
            self.refused("ResourceNotFoundException", 404, call, thingName="nobody", principal=arn)
            self.refused("ResourceNotFoundException", 404, call, thingName=thing, principal=nobody)

    def test_ten_policies_at_most(self):
        arn = self.new()["certificateArn"]
        for _ in range(10):
            last = self.policy()
            self.iot.attach_policy(policyName=last, target=arn)
        self.refused("LimitExceededException", 410, self.iot.attach_policy, policyName=self.policy(), target=arn)
        self.iot.attach_policy(policyName=last, target=arn)

    def test_endpoint(self):
        self.assertIn("-ats.iot.", self.iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"])
        self.assertNotIn("-ats", self.iot.describe_endpoint()["endpointAddress"])
        self.refused("InvalidRequestException", 400, self.iot.describe_endpoint, endpointType="iot:Other")


class State(IotCase):
    def test_dump(self):
        key_file = make_key()
        made, policy, thing = self.new(key_file=key_file), self.policy(), self.thing()
        self.iot.attach_policy(policyName=policy, target=made["certificateArn"])
        self.iot.attach_thing_principal(thingName=thing, principal=made["certificateArn"])
        state = peer().state("iot")
        kept = next(one for one in state["certificates"] if one["certificateId"] == made["certificateId"])
        self.assertEqual(
            (kept["status"], kept["policies"], kept["publicKey"]), ("INACTIVE", [policy], rig.public_key(key_file))
        )
        self.assertEqual(state["things"][thing]["principals"], [made["certificateArn"]])
        key = hashlib.sha256(bytes.fromhex(rig.public_key(key_file))).hexdigest()
        self.new()
        self.thing()
        asked = peer().control("GET", f"state?service=iot&key={key}&thing={thing}")
        self.assertEqual(list(asked), ["iot"])
        self.assertEqual(asked["iot"]["certificates"], [kept])
        self.assertEqual(asked["iot"]["things"], {thing: state["things"][thing]})

    def test_publish(self):
        client("iot-data").publish(topic="a/b c", qos=1, payload=b"hello")
        self.assertIn({"topic": "a/b c", "qos": 1, "payload": "hello"}, peer().state("iot-data")["published"])
        self.assert_gate_silent()
