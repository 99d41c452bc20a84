"""Certificates that others signed, and their CAs, registered with IoT Core."""

import hashlib
import ssl

import rig
from rig import NOBODY, IotCase, authority, certificate, make_key, openssl, peer


class Registering(IotCase):
    def own_ca(self, active=True, **members):
        ca = authority(**members)
        made = self.iot.register_ca_certificate(caCertificate=ca[2], certificateMode="SNI_ONLY", setAsActive=active)
        return ca, made["certificateId"]

    def test_by_a_registered_ca(self):
        ca, ca_id = self.own_ca()
        pem = certificate(make_key(), issuer=ca[:2])
        made = self.iot.register_certificate(certificatePem=pem, caCertificatePem=ca[2], status="ACTIVE")
        self.assertEqual(made["certificateId"], hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest())
        described = self.iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
        self.assertEqual(
            (described["caCertificateId"], described["status"], described["certificateMode"]),
            (ca_id, "ACTIVE", "SNI_ONLY"),
        )
        again = self.refused("ResourceAlreadyExistsException", 409, self.iot.register_certificate, certificatePem=pem)
        self.assertEqual((again["resourceId"], again["resourceArn"]), (made["certificateId"], made["certificateArn"]))
        listed = self.iot.list_certificates_by_ca(caCertificateId=ca_id)["certificates"]
        self.assertEqual([one["certificateId"] for one in listed], [made["certificateId"]])
        plain = self.iot.register_certificate(certificatePem=certificate(make_key(), issuer=ca[:2]))
        self.assertEqual(self.status(plain["certificateId"]), "INACTIVE")
        self.assert_gate_silent()

    def test_by_ca_errors(self):
        ca, ca_id = self.own_ca()
        stranger = authority()
        pem = certificate(make_key(), issuer=ca[:2])
        register = self.iot.register_certificate
        self.refused("CertificateValidationException", 400, register, certificatePem=certificate(issuer=stranger[:2]))
        self.refused("CertificateValidationException", 400, register, certificatePem=pem, caCertificatePem=stranger[2])
        self.refused("CertificateValidationException", 400, register, certificatePem="no")
        self.refused(
            "CertificateValidationException", 400, register, certificatePem=certificate(issuer=ca[:2], digest="sha1")
        )
        forged = authority(
            subject=openssl("x509", "-noout", "-subject", "-nameopt", "compat", "-in", ca[0]).decode().strip()[8:]
        )
        self.refused("CertificateValidationException", 400, register, certificatePem=certificate(issuer=forged[:2]))
        self.refused("InvalidRequestException", 400, register, certificatePem=pem, status="PENDING_TRANSFER")
        self.iot.register_ca_certificate(caCertificate=forged[2], certificateMode="SNI_ONLY", setAsActive=True)
        self.refused("CertificateConflictException", 409, register, certificatePem=pem)
        self.iot.update_ca_certificate(certificateId=ca_id, newStatus="INACTIVE")
        self.refused("CertificateStateException", 406, register, certificatePem=pem, caCertificatePem=ca[2])

    def test_without_ca(self):
        pem = certificate(make_key())
        made = self.iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
        described = self.iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
        self.assertNotIn("caCertificateId", described)
        self.assertEqual((described["status"], described["certificatePem"]), ("ACTIVE", pem))
        again = self.refused(
            "ResourceAlreadyExistsException", 409, self.iot.register_certificate_without_ca, certificatePem=pem
        )
        self.assertEqual(again["resourceId"], made["certificateId"])
        self.refused(
            "InvalidRequestException",
            400,
            self.iot.register_certificate_without_ca,
            certificatePem=certificate(make_key("rsa:1024")),
        )
        with rig.clocks_ahead(40 * 86400):
            self.refused(
                "CertificateValidationException",
                400,
                self.iot.register_certificate_without_ca,
                certificatePem=certificate(make_key(), days=30),
            )

    def test_ca_with_registration_code(self):
        ca, code = authority(), self.iot.get_registration_code()["registrationCode"]
        proof = certificate(make_key(), f"/CN={code}", ca[:2])
        register = self.iot.register_ca_certificate
        self.refused("InvalidRequestException", 400, register, caCertificate=ca[2])
        self.refused(
            "InvalidRequestException",
            400,
            register,
            caCertificate=ca[2],
            verificationCertificate=proof,
            certificateMode="SNI_ONLY",
        )
        self.refused(
            "RegistrationCodeValidationException",
            400,
            register,
            caCertificate=ca[2],
            verificationCertificate=certificate(make_key(), "/CN=guess", ca[:2]),
        )
        self.refused(
            "CertificateValidationException",
            400,
            register,
            caCertificate=ca[2],
            verificationCertificate=certificate(make_key(), f"/CN={code}", authority()[:2]),
        )
        made = register(
            caCertificate=ca[2], verificationCertificate=proof, setAsActive=True, allowAutoRegistration=True
        )
        described = self.iot.describe_ca_certificate(certificateId=made["certificateId"])["certificateDescription"]
        self.assertEqual(
            (described["status"], described["autoRegistrationStatus"], described["certificateMode"]),
            ("ACTIVE", "ENABLE", "DEFAULT"),
        )
        self.assertIn(
            made["certificateId"], [one["certificateId"] for one in self.iot.list_ca_certificates()["certificates"]]
        )
        self.assert_answers_fit()

    def assert_answers_fit(self):
        self.assertFalse([call for call in peer().calls() if call["bad_answer"]])

    def test_ca_errors(self):
        ca, ca_id = self.own_ca(active=False)
        register = self.iot.register_ca_certificate
        again = self.refused(
            "ResourceAlreadyExistsException", 409, register, caCertificate=ca[2], certificateMode="SNI_ONLY"
        )
        self.assertEqual(again["resourceId"], ca_id)
        self.refused(
            "CertificateValidationException", 400, register, caCertificate=certificate(), certificateMode="SNI_ONLY"
        )
        self.refused("ResourceNotFoundException", 404, self.iot.describe_ca_certificate, certificateId=NOBODY)
        self.iot.update_ca_certificate(certificateId=ca_id, newStatus="ACTIVE")
        self.refused("CertificateStateException", 406, self.iot.delete_ca_certificate, certificateId=ca_id)
        self.iot.update_ca_certificate(certificateId=ca_id, newStatus="INACTIVE")
        self.iot.delete_ca_certificate(certificateId=ca_id)

    def test_ten_cas_of_one_subject(self):
        for _ in range(10):
            self.own_ca(subject="/CN=One name")
        self.refused(
            "LimitExceededException",
            410,
            self.iot.register_ca_certificate,
            caCertificate=authority("/CN=One name")[2],
            certificateMode="SNI_ONLY",
        )
