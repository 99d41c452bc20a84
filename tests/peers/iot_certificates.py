"""Certificates of the IoT fake."""

import dataclasses
import uuid

from errors import AwsError
from x509 import Certificate, Malformed, Request

SETTABLE = ("ACTIVE", "INACTIVE", "REVOKED")
KEYS = {"P-256", "P-384", "P-521"}
RSA_LEAST = 2048
DAYS_TO_2049 = 8400


@dataclasses.dataclass
class Registered:
    x509: Certificate
    arn: str
    status: str
    created: float
    ca_id: str | None
    mode: str
    modified: float = 0.0
    version: int = 1
    generation: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    policies: dict = dataclasses.field(default_factory=dict)

    def summary(self):
        return {
            "certificateArn": self.arn,
            "certificateId": self.x509.id,
            "status": self.status,
            "certificateMode": self.mode,
            "creationDate": self.created,
        }

    def describe(self, account):
        return {
            **self.summary(),
            **({"caCertificateId": self.ca_id} if self.ca_id else {}),
            "certificatePem": self.x509.pem,
            "ownedBy": account,
            "lastModifiedDate": self.modified or self.created,
            "customerVersion": self.version,
            "generationId": self.generation,
            "transferData": {},
            "validity": {"notBefore": self.x509.not_before, "notAfter": self.x509.not_after},
        }

    def dump(self):
        return {
            **self.summary(),
            "caCertificateId": self.ca_id,
            "certificatePem": self.x509.pem,
            "publicKey": self.x509.spki.hex(),
            "policies": list(self.policies),
        }


def check_key(kind):
    if kind not in KEYS and not (kind.startswith("RSA-") and int(kind[4:]) >= RSA_LEAST):
        raise AwsError("InvalidRequestException", f"A key of kind {kind} is not taken")


def read_certificate(pem):
    try:
        certificate = Certificate(pem)
    except Malformed as error:
        raise AwsError("CertificateValidationException", f"The certificate is invalid: {error}") from None
    if not certificate.sha2:
        raise AwsError(
            "CertificateValidationException", "The certificate is not signed with SHA-256, SHA-384 or SHA-512"
        )
    return certificate


class Certificates:
    def CreateCertificateFromCsr(self, certificateSigningRequest, setAsActive=False):
        try:
            request = Request(certificateSigningRequest)
            check_key(request.key_kind)
            certificate = self.authority.issue(request, "device", DAYS_TO_2049)
        except Malformed as error:
            raise AwsError("InvalidRequestException", f"Invalid CSR: {error}") from None
        with self.lock:
            kept = self.keep_certificate(certificate, "ACTIVE" if setAsActive else "INACTIVE", None, "DEFAULT")
        return {"certificateArn": kept.arn, "certificateId": certificate.id, "certificatePem": certificate.pem}

    def keep_certificate(self, certificate, status, ca_id, mode):
        known = self.certificates.get(certificate.id)
        if known:
            raise AwsError(
                "ResourceAlreadyExistsException",
                "The certificate is already provisioned or registered",
                resourceId=certificate.id,
                resourceArn=known.arn,
            )
        kept = Registered(certificate, self.arn("cert", certificate.id), status, self.clock.now(), ca_id, mode)
        self.certificates[certificate.id] = kept
        return kept

    def certificate(self, certificate_id):
        if certificate_id not in self.certificates:
            raise AwsError("ResourceNotFoundException", f"Certificate {certificate_id} is not found")
        return self.certificates[certificate_id]

    def principal(self, arn):
        """The certificate that an ARN names."""
        prefix = self.arn("cert", "")
        if not arn.startswith("arn:"):
            raise AwsError("InvalidRequestException", f"Invalid principal {arn}")
        return self.certificate(arn[len(prefix) :] if arn.startswith(prefix) else arn)

    def RegisterCertificate(self, certificatePem, caCertificatePem=None, setAsActive=False, status=None):
        certificate = read_certificate(certificatePem)
        with self.lock:
            ca = self.signing_ca(certificate, caCertificatePem)
        if not certificate.signed_by(ca.x509):
            raise AwsError("CertificateValidationException", "The certificate is not signed by the registered CA")
        if ca.status != "ACTIVE":
            raise AwsError("CertificateStateException", "The CA certificate is INACTIVE")
        return self.register(certificate, status or ("ACTIVE" if setAsActive else "INACTIVE"), ca.x509.id, ca.mode)

    def RegisterCertificateWithoutCA(self, certificatePem, status="INACTIVE"):
        return self.register(read_certificate(certificatePem), status, None, "SNI_ONLY")

    def register(self, certificate, status, ca_id, mode):
        check_key(certificate.key_kind)
        if status not in SETTABLE:
            raise AwsError("InvalidRequestException", f"A certificate cannot be registered as {status}")
        if certificate.not_after < self.clock.now():
            raise AwsError("CertificateValidationException", "The certificate has expired")
        with self.lock:
            kept = self.keep_certificate(certificate, status, ca_id, mode)
        return {"certificateArn": kept.arn, "certificateId": certificate.id}

    def DescribeCertificate(self, certificateId):
        with self.lock:
            return {"certificateDescription": self.certificate(certificateId).describe(self.account)}

    def UpdateCertificate(self, certificateId, newStatus):
        with self.lock:
            certificate = self.certificate(certificateId)
            if newStatus not in SETTABLE:
                raise AwsError("InvalidRequestException", f"A certificate cannot be set {newStatus}")
            if certificate.status != newStatus:
                certificate.status, certificate.modified = newStatus, self.clock.now()
                certificate.version += 1
        return {}

    def DeleteCertificate(self, certificateId, forceDelete=False):
        with self.lock:
            certificate = self.certificate(certificateId)
            if certificate.status == "ACTIVE":
                raise AwsError("CertificateStateException", "The certificate is ACTIVE and cannot be deleted")
            if self.things_of(certificate.arn):
                raise AwsError("DeleteConflictException", "Things must be detached before deletion")
            if certificate.policies and not forceDelete:
                raise AwsError("DeleteConflictException", "Policies must be detached before deletion")
            for name in certificate.policies:
                self.policies[name].targets.pop(certificate.arn)
            del self.certificates[certificateId]
        return {}

    def ListCertificates(self, pageSize=None, marker=None, ascendingOrder=False):
        with self.lock:
            return self.certificate_page(list(self.certificates.values()), pageSize, marker, ascendingOrder)

    def ListCertificatesByCA(self, caCertificateId, pageSize=None, marker=None, ascendingOrder=False):
        with self.lock:
            chosen = [certificate for certificate in self.certificates.values() if certificate.ca_id == caCertificateId]
            return self.certificate_page(chosen, pageSize, marker, ascendingOrder)

    def certificate_page(self, oldest_first, size, marker, ascending):
        ordered = oldest_first if ascending else oldest_first[::-1]
        chosen, more = self.page(ordered, lambda item: item.x509.id, size, marker)
        return {"certificates": [item.summary() for item in chosen], **({"nextMarker": more} if more else {})}
