"""CA certificates of the IoT fake: whose certificates an account takes."""

import dataclasses

from errors import AwsError
from iot_certificates import check_key, read_certificate
from x509 import Certificate, Malformed, common_name

CAS_WITH_ONE_SUBJECT = 10


@dataclasses.dataclass
class RegisteredCa:
    x509: Certificate
    arn: str
    status: str
    created: float
    mode: str
    auto_registration: str
    account: str

    def describe(self):
        return {
            "certificateArn": self.arn,
            "certificateId": self.x509.id,
            "status": self.status,
            "certificatePem": self.x509.pem,
            "ownedBy": self.account,
            "creationDate": self.created,
            "autoRegistrationStatus": self.auto_registration,
            "certificateMode": self.mode,
            "validity": {"notBefore": self.x509.not_before, "notAfter": self.x509.not_after},
        }

    def summary(self):
        described = self.describe()
        return {name: described[name] for name in ("certificateArn", "certificateId", "status", "creationDate")}


class CertificateAuthorities:
    def GetRegistrationCode(self):
        return {"registrationCode": self.registration_code}

    def RegisterCACertificate(
        self,
        caCertificate,
        verificationCertificate=None,
        setAsActive=False,
        allowAutoRegistration=False,
        registrationConfig=None,
        tags=None,
        certificateMode="DEFAULT",
    ):
        ca = read_certificate(caCertificate)
        check_key(ca.key_kind)
        if not ca.is_ca:
            raise AwsError("CertificateValidationException", "The certificate is not one of a CA")
        if (certificateMode == "DEFAULT") == (verificationCertificate is None):
            raise AwsError(
                "InvalidRequestException", f"verificationCertificate does not go with certificateMode {certificateMode}"
            )
        if certificateMode == "DEFAULT":
            self.check_verification(read_certificate(verificationCertificate), ca)
        with self.lock:
            if ca.id in self.cas:
                raise AwsError(
                    "ResourceAlreadyExistsException",
                    "The CA certificate is already registered",
                    resourceId=ca.id,
                    resourceArn=self.cas[ca.id].arn,
                )
            if sum(other.x509.subject == ca.subject for other in self.cas.values()) >= CAS_WITH_ONE_SUBJECT:
                raise AwsError("LimitExceededException", "Too many CA certificates with one subject")
            arn = self.arn("cacert", ca.id)
            self.cas[ca.id] = RegisteredCa(
                ca,
                arn,
                "ACTIVE" if setAsActive else "INACTIVE",
                self.clock.now(),
                certificateMode,
                "ENABLE" if allowAutoRegistration else "DISABLE",
                self.account,
            )
        return {"certificateArn": arn, "certificateId": ca.id}

    def check_verification(self, verification, ca):
        if not verification.signed_by(ca):
            raise AwsError("CertificateValidationException", "The verification certificate is not signed by the CA")
        if common_name(verification.subject) != self.registration_code:
            raise AwsError("RegistrationCodeValidationException", "The common name is not the registration code")

    def signing_ca(self, certificate, pem):
        """The registered CA that a certificate claims; its signature is checked by the caller."""
        if pem is not None:
            try:
                named = Certificate(pem)
            except Malformed as error:
                raise AwsError("CertificateValidationException", f"The CA certificate is invalid: {error}") from None
            candidates = [ca for ca in self.cas.values() if ca.x509.id == named.id]
        else:
            candidates = [ca for ca in self.cas.values() if ca.x509.subject == certificate.issuer]
        if not candidates:
            raise AwsError("CertificateValidationException", "The CA certificate is not registered")
        if len(candidates) > 1:
            raise AwsError(
                "CertificateConflictException", "Several registered CA certificates have this subject: name one"
            )
        return candidates[0]

    def ca(self, ca_id):
        if ca_id not in self.cas:
            raise AwsError("ResourceNotFoundException", f"CA certificate {ca_id} is not found")
        return self.cas[ca_id]

    def DescribeCACertificate(self, certificateId):
        with self.lock:
            return {"certificateDescription": self.ca(certificateId).describe()}

    def UpdateCACertificate(self, certificateId, newStatus=None, newAutoRegistrationStatus=None):
        with self.lock:
            ca = self.ca(certificateId)
            ca.status = newStatus or ca.status
            ca.auto_registration = newAutoRegistrationStatus or ca.auto_registration
        return {}

    def DeleteCACertificate(self, certificateId):
        with self.lock:
            if self.ca(certificateId).status == "ACTIVE":
                raise AwsError("CertificateStateException", "The CA certificate is ACTIVE and cannot be deleted")
            del self.cas[certificateId]
        return {}

    def ListCACertificates(self, pageSize=None, marker=None, ascendingOrder=False):
        with self.lock:
            ordered = list(self.cas.values()) if ascendingOrder else list(self.cas.values())[::-1]
            chosen, more = self.page(ordered, lambda ca: ca.x509.id, pageSize, marker)
            return {"certificates": [ca.summary() for ca in chosen], **({"nextMarker": more} if more else {})}
