"""Certificates and requests as the peer needs them: read by a small DER walker, made and proved by openssl."""

import base64
import binascii
import datetime
import hashlib
import os
import re
import secrets
import subprocess

OIDS = {
    "2a8648ce3d0201": "EC",
    "2a864886f70d010101": "RSA",
    "2a8648ce3d030107": "P-256",
    "2b81040022": "P-384",
    "2b81040023": "P-521",
    "550403": "CN",
}
BASIC_CONSTRAINTS = bytes.fromhex("551d13")
SHA2_SIGNATURES = {
    "2a864886f70d01010b",
    "2a864886f70d01010c",
    "2a864886f70d01010d",
    "2a8648ce3d040302",
    "2a8648ce3d040303",
    "2a8648ce3d040304",
}


class Malformed(Exception):
    """What was given is not the certificate, request or signature that it has to be."""


def openssl(*arguments, stdin=b""):
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True)
    if done.returncode != 0:
        raise Malformed(done.stderr.decode(errors="replace").strip())
    return done.stdout


def pem_to_der(pem, *labels):
    """The DER of the one block in `pem`, whose label must be among `labels`."""
    blocks = re.findall(r"-----BEGIN ([A-Z ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----", pem)
    if len(blocks) != 1 or blocks[0][0] not in labels:
        raise Malformed(f"expected one PEM block {labels[0]}, found {[label for label, _ in blocks]}")
    try:
        return base64.b64decode(re.sub(r"\s", "", blocks[0][1]), validate=True)
    except binascii.Error as error:
        raise Malformed(f"base64: {error}") from error


def der_to_pem(der, label="CERTIFICATE"):
    lines = re.findall(".{1,64}", base64.b64encode(der).decode())
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


class Node:
    """One DER element: its tag, its content, and itself with its header."""

    def __init__(self, der, start=0):
        try:
            self.tag, length, body = der[start], der[start + 1], start + 2
            if length >= 0x80:
                size = length & 0x7F
                length, body = int.from_bytes(der[body : body + size], "big"), body + size
        except IndexError:
            raise Malformed("DER ends early") from None
        self.end = body + length
        if self.end > len(der):
            raise Malformed("DER ends early")
        self.content, self.whole = der[body : self.end], der[start : self.end]

    def children(self):
        found, position = [], 0
        while position < len(self.content):
            found.append(Node(self.content, position))
            position = found[-1].end
        return found


def sequence(der, least):
    node = Node(der)
    if node.tag != 0x30 or node.end != len(der):
        raise Malformed("not one DER sequence")
    parts = node.children()
    if len(parts) < least:
        raise Malformed("a DER sequence is too short")
    return parts


def key_kind(spki):
    """'RSA-2048', 'P-256', ... or 'other' for a SubjectPublicKeyInfo."""
    algorithm, bits = sequence(spki, 2)[:2]
    parts = sequence(algorithm.whole, 1)
    name = OIDS.get(parts[0].content.hex(), "other")
    if name == "EC" and len(parts) > 1:
        return OIDS.get(parts[1].content.hex(), "other")
    if name == "RSA":
        modulus = sequence(bits.content[1:], 2)[0].content
        return f'RSA-{int.from_bytes(modulus, "big").bit_length()}'
    return "other"


def common_name(name):
    for pair in (pair for rdn in Node(name).children() for pair in rdn.children()):
        oid, value = pair.children()[:2]
        if OIDS.get(oid.content.hex()) == "CN":
            return value.content.decode(errors="replace")
    return None


def moment(node):
    text = node.content.decode()
    if node.tag == 0x17:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()


class Certificate:
    def __init__(self, pem):
        self.der = pem_to_der(pem, "CERTIFICATE")
        self.pem = der_to_pem(self.der)
        self.id = hashlib.sha256(self.der).hexdigest()
        body, algorithm = sequence(self.der, 3)[:2]
        self.sha2 = sequence(algorithm.whole, 1)[0].content.hex() in SHA2_SIGNATURES
        fields = sequence(body.whole, 6)
        if fields[0].tag == 0xA0:
            fields.pop(0)
        if len(fields) < 6:
            raise Malformed("a certificate lacks fields")
        self.serial = fields[0].content.hex()
        self.issuer, self.subject, self.spki = fields[2].whole, fields[4].whole, fields[5].whole
        self.not_before, self.not_after = map(moment, fields[3].children()[:2])
        self.key_kind = key_kind(self.spki)
        self.is_ca = self._is_ca(fields[6:])

    @staticmethod
    def _is_ca(tail):
        for wrapper in (field for field in tail if field.tag == 0xA3):
            for extension in wrapper.children()[0].children():
                parts = extension.children()
                if parts[0].content == BASIC_CONSTRAINTS:
                    return parts[-1].content[2:5] == b"\x01\x01\xff"
        return False

    def signed_by(self, authority):
        """Whether `authority` (a Certificate) issued and signed this one; dates and purpose are not looked at."""
        reader, writer = os.pipe()
        try:
            os.write(writer, authority.pem.encode())
            os.close(writer)
            done = subprocess.run(
                ["openssl", "verify", "-partial_chain", "-no_check_time", "-trusted", f"/dev/fd/{reader}"],
                input=self.pem.encode(),
                capture_output=True,
                pass_fds=[reader],
            )
        finally:
            os.close(reader)
        return done.returncode == 0


class Request:
    def __init__(self, pem):
        der = pem_to_der(pem, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
        fields = sequence(sequence(der, 3)[0].whole, 3)
        self.pem = der_to_pem(der, "CERTIFICATE REQUEST")
        self.subject, self.spki = fields[1].whole, fields[2].whole
        self.key_kind = key_kind(self.spki)


class Authority:
    """A CA of the peer's own, in a folder: one file for its key, one for its certificate."""

    def __init__(self, folder, name, subject, days):
        self.key_file = os.path.join(folder, f"{name}.key")
        self.certificate_file = os.path.join(folder, f"{name}.pem")
        self.profile_files = {}
        self.folder, self.name = folder, name
        openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-sha256",
            "-days",
            str(days),
            "-subj",
            subject,
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout",
            self.key_file,
            "-out",
            self.certificate_file,
        )
        with open(self.certificate_file, encoding="ascii") as file:
            self.certificate = Certificate(file.read())

    def profile(self, name, *extensions):
        path = os.path.join(self.folder, f"{self.name}-{name}.cnf")
        common = ["subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"]
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join([*common, *extensions, ""]))
        self.profile_files[name] = path

    def issue(self, request, profile, days):
        """A new certificate for the request's key and subject; Malformed when the request did not sign itself."""
        pem = openssl(
            "x509",
            "-req",
            "-CA",
            self.certificate_file,
            "-CAkey",
            self.key_file,
            "-sha256",
            "-days",
            str(days),
            "-set_serial",
            "0x" + secrets.token_hex(16),
            "-extfile",
            self.profile_files[profile],
            stdin=request.pem.encode(),
        )
        return Certificate(pem.decode())
