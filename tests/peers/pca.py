"""ACM Private CA: one general-purpose root, active."""

import datetime
import re
import secrets
import threading
import time

from errors import AwsError
from x509 import Authority, Malformed, Request

TOKEN_SECONDS = 300
DAY = 86400
CA_DAYS = 3650
UNIT_DAYS = {"DAYS": 1, "MONTHS": 30, "YEARS": 365}
LEAF = "basicConstraints=critical,CA:FALSE"
TEMPLATES = {
    "EndEntityCertificate/V1": (
        LEAF,
        "keyUsage=critical,digitalSignature,keyEncipherment",
        "extendedKeyUsage=serverAuth,clientAuth",
    ),
    "EndEntityClientAuthCertificate/V1": (
        LEAF,
        "keyUsage=critical,digitalSignature,keyEncipherment",
        "extendedKeyUsage=clientAuth",
    ),
    "EndEntityServerAuthCertificate/V1": (
        LEAF,
        "keyUsage=critical,digitalSignature,keyEncipherment",
        "extendedKeyUsage=serverAuth",
    ),
}


class Pca:
    def __init__(self, folder, region, account, clock, settings):
        self.clock, self.settings, self.lock = clock, settings, threading.Lock()
        self.arn = f"arn:aws:acm-pca:{region}:{account}:certificate-authority/00000000-0000-4000-8000-000000000001"
        self.created = clock.now()
        self.authority = Authority(folder, "pca", "/O=Peer/CN=Peer Private CA", CA_DAYS)
        for name, extensions in TEMPLATES.items():
            self.authority.profile(name.replace("/", "-"), *extensions)
        # ARN -> what was issued; token -> (time, ARN, what was asked for under it).
        self.issued, self.tokens = {}, {}

    def check_ca(self, arn):
        if not re.fullmatch(r"arn:aws:acm-pca:[a-z0-9-]+:\d{12}:certificate-authority/[0-9a-f-]{36}", arn):
            raise AwsError("InvalidArnException", f"{arn} is not the ARN of a CA")
        if arn != self.arn:
            raise AwsError("ResourceNotFoundException", f"Could not find Certificate Authority {arn}")

    def end_of(self, validity):
        kind, value = validity["Type"], validity["Value"]
        if kind in UNIT_DAYS:
            return self.clock.now() + value * UNIT_DAYS[kind] * DAY
        if kind == "ABSOLUTE":
            return float(value)
        try:
            form = "%Y%m%d%H%M%S" if len(str(value)) == 14 else "%y%m%d%H%M%S"
            return datetime.datetime.strptime(str(value), form).replace(tzinfo=datetime.timezone.utc).timestamp()
        except ValueError:
            raise AwsError("InvalidArgsException", f"{value} is not an END_DATE") from None

    def days_of(self, validity):
        """Whole days, never so many that the certificate ends later than was asked for."""
        end = self.end_of(validity)
        if end > self.authority.certificate.not_after:
            raise AwsError("InvalidArgsException", "The certificate would outlive its CA")
        if end < self.clock.now() + DAY:
            raise AwsError("InvalidArgsException", "The certificate would end within a day")
        if validity["Type"] in UNIT_DAYS:
            return validity["Value"] * UNIT_DAYS[validity["Type"]]
        return int((end - self.clock.now()) // DAY)

    def IssueCertificate(
        self,
        CertificateAuthorityArn,
        Csr,
        SigningAlgorithm,
        Validity,
        TemplateArn=None,
        IdempotencyToken=None,
        ValidityNotBefore=None,
        ApiPassthrough=None,
    ):
        self.check_ca(CertificateAuthorityArn)
        template = (TemplateArn or "arn:aws:acm-pca:::template/EndEntityCertificate/V1").removeprefix(
            "arn:aws:acm-pca:::template/"
        )
        if template not in TEMPLATES:
            raise AwsError("InvalidArgsException", f"no template {TemplateArn}")
        if ApiPassthrough or ValidityNotBefore:
            raise AwsError("InvalidArgsException", "The template does not take ApiPassthrough or ValidityNotBefore")
        if SigningAlgorithm != "SHA256WITHECDSA":
            raise AwsError("InvalidArgsException", "The CA signs by SHA256WITHECDSA")
        days = self.days_of(Validity)
        asked = [Csr, template, Validity]
        with self.lock:
            known = self.tokens.get(IdempotencyToken)
            if IdempotencyToken and known and known[0] > time.monotonic() - TOKEN_SECONDS:
                # The service would shut an eye: a client that repeats a call repeats all of it.
                if known[2] != asked:
                    raise AwsError("InvalidArgsException", "The token was used for another request")
                return {"CertificateArn": known[1]}
            arn = self._issue(Csr, template, days, IdempotencyToken)
            if IdempotencyToken:
                self.tokens[IdempotencyToken] = time.monotonic(), arn, asked
            return {"CertificateArn": arn}

    def _issue(self, csr, template, days, token):
        """Under the lock, so that two calls with one token make one certificate."""
        failed = self.settings["pca_failures"] > 0
        self.settings["pca_failures"] -= failed
        try:
            certificate = self.authority.issue(Request(csr.decode("ascii")), template.replace("/", "-"), days)
        except (Malformed, UnicodeDecodeError) as error:
            raise AwsError("MalformedCSRException", f"The CSR is malformed: {error}") from None
        arn = f"{self.arn}/certificate/{secrets.token_hex(16)}"
        self.issued[arn] = {
            "x509": certificate,
            "polls": self.settings["pca_polls"],
            "template": template,
            "token": token,
            "revoked": None,
            "failed": failed,
        }
        return arn

    def GetCertificate(self, CertificateAuthorityArn, CertificateArn):
        self.check_ca(CertificateAuthorityArn)
        with self.lock:
            if not CertificateArn.startswith(CertificateAuthorityArn + "/certificate/"):
                raise AwsError("InvalidArnException", f"{CertificateArn} is not the ARN of a certificate of this CA")
            issued = self.issued.get(CertificateArn)
            if issued is None:
                raise AwsError("ResourceNotFoundException", f"Could not find certificate {CertificateArn}")
            if issued["polls"] > 0:
                issued["polls"] -= 1
                raise AwsError(
                    "RequestInProgressException", "The request to issue the certificate is still in progress"
                )
            if issued["failed"]:
                raise AwsError("RequestFailedException", "The request has failed for an unspecified reason")
            return {"Certificate": issued["x509"].pem, "CertificateChain": self.authority.certificate.pem}

    def RevokeCertificate(self, CertificateAuthorityArn, CertificateSerial, RevocationReason):
        self.check_ca(CertificateAuthorityArn)
        if not re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2})*", CertificateSerial):
            raise AwsError("InvalidRequestException", "The serial number is not in hexadecimal format, aa:bb:cc")
        serial = CertificateSerial.replace(":", "").lower().lstrip("0")
        with self.lock:
            made = (one for one in self.issued.values() if not one["failed"])
            issued = next((one for one in made if one["x509"].serial.lstrip("0") == serial), None)
            if issued is None:
                raise AwsError("ResourceNotFoundException", f"Could not find serial {CertificateSerial}")
            if issued["revoked"]:
                raise AwsError("RequestAlreadyProcessedException", "The certificate is revoked already")
            issued["revoked"] = RevocationReason
        return {}

    def DescribeCertificateAuthority(self, CertificateAuthorityArn):
        self.check_ca(CertificateAuthorityArn)
        certificate = self.authority.certificate
        return {
            "CertificateAuthority": {
                "Arn": self.arn,
                "OwnerAccount": self.arn.split(":")[4],
                "CreatedAt": self.created,
                "LastStateChangeAt": self.created,
                "Type": "ROOT",
                "Serial": str(int(certificate.serial, 16)),
                "Status": "ACTIVE",
                "NotBefore": certificate.not_before,
                "NotAfter": certificate.not_after,
                "UsageMode": "GENERAL_PURPOSE",
                "KeyStorageSecurityStandard": "FIPS_140_2_LEVEL_3_OR_HIGHER",
                "CertificateAuthorityConfiguration": {
                    "KeyAlgorithm": "EC_prime256v1",
                    "SigningAlgorithm": "SHA256WITHECDSA",
                    "Subject": {"Organization": "Peer", "CommonName": "Peer Private CA"},
                },
            }
        }

    def GetCertificateAuthorityCertificate(self, CertificateAuthorityArn):
        self.check_ca(CertificateAuthorityArn)
        return {"Certificate": self.authority.certificate.pem}

    def dump(self):
        with self.lock:
            return {
                "arn": self.arn,
                "end": self.authority.certificate.not_after,
                "issued": {
                    arn: {
                        "certificatePem": one["x509"].pem,
                        "certificateId": one["x509"].id,
                        "publicKey": one["x509"].spki.hex(),
                        "template": one["template"],
                        "token": one["token"],
                        "revoked": one["revoked"],
                    }
                    for arn, one in self.issued.items()
                    if not one["failed"]
                },
            }
