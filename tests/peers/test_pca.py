"""ACM Private CA and STS through the official client."""

import datetime

import rig
import sigv4
from rig import client, csr, key, openssl, peer, unique

TEMPLATE = "arn:aws:acm-pca:::template/"


class Pca(rig.PeerCase):
    def setUp(self):
        super().setUp()
        self.pca, self.arn = client("acm-pca"), peer().state("acm-pca")["arn"]

    def issue(self, **members):
        given = {
            "CertificateAuthorityArn": self.arn,
            "Csr": csr().encode(),
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Validity": {"Value": 365, "Type": "DAYS"},
            **members,
        }
        return self.pca.issue_certificate(**given)["CertificateArn"]

    def get(self, arn):
        return self.pca.get_certificate(CertificateAuthorityArn=self.arn, CertificateArn=arn)

    def text(self, arn):
        return openssl("x509", "-noout", "-text", stdin=self.get(arn)["Certificate"].encode()).decode()

    def test_issue_and_get(self):
        got = self.get(self.issue())
        self.assertIn(
            openssl("pkey", "-in", key(), "-pubout"),
            openssl("x509", "-noout", "-pubkey", stdin=got["Certificate"].encode()),
        )
        authority = self.pca.get_certificate_authority_certificate(CertificateAuthorityArn=self.arn)
        self.assertEqual(got["CertificateChain"], authority["Certificate"])
        openssl(
            "verify", "-CAfile", f"{peer().folder}/pca.pem", "-purpose", "sslclient", stdin=got["Certificate"].encode()
        )
        self.assert_gate_silent()

    def test_in_progress_first(self):
        peer().control("POST", "settings", {"pca_polls": 2})
        arn = self.issue()
        for _ in range(2):
            self.refused("RequestInProgressException", 400, self.get, arn)
        self.assertIn("BEGIN CERTIFICATE", self.get(arn)["Certificate"])
        self.assertFalse([call for call in peer().calls() if call["bad_answer"]])

    def test_token(self):
        token = unique("token")
        same = {"Csr": csr().encode()}
        first = self.issue(IdempotencyToken=token, **same)
        self.assertEqual(self.issue(IdempotencyToken=token, **same), first)
        self.assertNotEqual(self.issue(IdempotencyToken=unique("token"), **same), first)
        self.assertNotEqual(self.issue(), self.issue())
        self.assertEqual(sum(one["token"] == token for one in peer().state("acm-pca")["issued"].values()), 1)

    def test_token_after_a_lost_answer(self):
        token, same = unique("token"), {"Csr": csr().encode()}
        peer().control("POST", "faults", {"operation": "IssueCertificate", "kind": "drop-after", "nth": 1})
        with self.assertRaises(Exception):
            self.issue(IdempotencyToken=token, **same)
        arn = self.issue(IdempotencyToken=token, **same)
        self.assertEqual(
            [key for key, one in peer().state("acm-pca")["issued"].items() if one["token"] == token], [arn]
        )

    def test_token_for_another_request(self):
        token = unique("token")
        same = {"Csr": csr().encode(), "IdempotencyToken": token}
        self.issue(**same)
        self.refused("InvalidArgsException", 400, self.issue, **same, Validity={"Value": 366, "Type": "DAYS"})
        self.refused("InvalidArgsException", 400, self.issue, IdempotencyToken=token)

    def test_failed(self):
        peer().control("POST", "settings", {"pca_failures": 1})
        token = unique("token")
        same = {"Csr": csr().encode(), "IdempotencyToken": token}
        arn = self.issue(**same)
        self.refused("RequestFailedException", 400, self.get, arn)
        self.assertEqual(self.issue(**same), arn)
        self.assertNotIn(arn, peer().state("acm-pca")["issued"])
        self.assertIn("BEGIN CERTIFICATE", self.get(self.issue())["Certificate"])

    def test_validity_is_not_exceeded(self):
        end = peer().state("acm-pca")["end"]
        got = self.get(self.issue(Validity={"Type": "ABSOLUTE", "Value": int(end)}))["Certificate"]
        text = openssl("x509", "-noout", "-enddate", "-dateopt", "iso_8601", stdin=got.encode()).decode()
        moment = datetime.datetime.fromisoformat(text.strip().split("=")[1].replace("Z", "+00:00"))
        self.assertLessEqual(moment.timestamp(), end)

    def test_templates(self):
        self.assertIn("Web Server", self.text(self.issue()))
        client_only = self.text(self.issue(TemplateArn=TEMPLATE + "EndEntityClientAuthCertificate/V1"))
        self.assertIn("Web Client", client_only)
        self.assertNotIn("Web Server", client_only)
        self.assertIn("CA:FALSE", client_only)

    def test_validity(self):
        for validity in (
            {"Type": "ABSOLUTE", "Value": 1893456000},
            {"Type": "END_DATE", "Value": 20300101000000},
            {"Type": "END_DATE", "Value": 300101000000},
        ):
            self.assertRegex(self.text(self.issue(Validity=validity)), "Not After : (Dec 31|Jan  1) .* 20(29|30)")
        for validity in (
            {"Type": "YEARS", "Value": 30},
            {"Type": "ABSOLUTE", "Value": 1},
            {"Type": "END_DATE", "Value": 7},
        ):
            self.refused("InvalidArgsException", 400, self.issue, Validity=validity)

    def test_errors(self):
        other = self.arn[:-1] + "9"
        self.refused("ResourceNotFoundException", 400, self.issue, CertificateAuthorityArn=other)
        self.refused("InvalidArnException", 400, self.issue, CertificateAuthorityArn="arn:aws:iot:a:1:b")
        self.refused("MalformedCSRException", 400, self.issue, Csr=b"no")
        self.refused("InvalidArgsException", 400, self.issue, TemplateArn=TEMPLATE + "Unheard/V1")
        self.refused("InvalidArgsException", 400, self.issue, SigningAlgorithm="SHA256WITHRSA")
        self.refused("InvalidArgsException", 400, self.issue, ApiPassthrough={"Subject": {"CommonName": "x"}})
        self.refused("ResourceNotFoundException", 400, self.get, f"{self.arn}/certificate/" + "f" * 32)
        self.refused("InvalidArnException", 400, self.get, self.arn)
        for call in (self.pca.describe_certificate_authority, self.pca.get_certificate_authority_certificate):
            self.refused("ResourceNotFoundException", 400, call, CertificateAuthorityArn=other)
        self.assertFalse([call for call in peer().calls() if call["bad_answer"]])

    def test_describe(self):
        described = self.pca.describe_certificate_authority(CertificateAuthorityArn=self.arn)["CertificateAuthority"]
        self.assertEqual(
            (described["Status"], described["Type"], described["OwnerAccount"]), ("ACTIVE", "ROOT", "123456789012")
        )
        self.assertGreater(described["NotAfter"].year, 2030)
        self.assert_gate_silent()

    def test_revoke(self):
        arn = self.issue()
        serial = (
            openssl("x509", "-noout", "-serial", stdin=self.get(arn)["Certificate"].encode())
            .decode()
            .strip()
            .split("=")[1]
        )
        revoke = {"CertificateAuthorityArn": self.arn, "RevocationReason": "KEY_COMPROMISE"}
        self.refused("InvalidRequestException", 400, self.pca.revoke_certificate, CertificateSerial=serial, **revoke)
        serial = ":".join(serial[i : i + 2] for i in range(0, len(serial), 2))
        self.pca.revoke_certificate(CertificateSerial=serial, **revoke)
        self.assertEqual(peer().state("acm-pca")["issued"][arn]["revoked"], "KEY_COMPROMISE")
        self.refused(
            "RequestAlreadyProcessedException", 400, self.pca.revoke_certificate, CertificateSerial=serial, **revoke
        )
        self.refused(
            "ResourceNotFoundException", 400, self.pca.revoke_certificate, CertificateSerial="ab:cd:ef", **revoke
        )


class Sts(rig.PeerCase):
    def test_caller(self):
        user = client("sts").get_caller_identity()
        self.assertEqual((user["Account"], user["Arn"]), ("123456789012", "arn:aws:iam::123456789012:user/station"))
        self.assertIn("assumed-role", client("sts", sigv4.ROLE).get_caller_identity()["Arn"])
        self.assert_gate_silent()

    def test_unknown_parameter(self):
        body = b"Action=GetCallerIdentity&Version=2011-06-15&Extra=1"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, _, text = rig.send("POST", "/", body, rig.sign("POST", "/", body, headers, "sts"))
        self.assertEqual(status, 400)
        self.assertIn(b"<Code>ValidationError</Code><Message>Extra: unknown parameter", text)
