"""Certificates, signatures, checkpoints, and what the auditor has been given to compare with."""

import base64
import functools
import pathlib
import subprocess
import tempfile

from auditor.canonical import HEX64, is_number, is_text, parse, sha256
from auditor.findings import Usage


def openssl(*words, data=b""):
    done = subprocess.run(["openssl", *words], input=data, capture_output=True)
    return done.stdout if done.returncode == 0 else None


@functools.lru_cache(maxsize=None)
def fingerprint(pem):
    der = openssl("x509", "-outform", "DER", data=pem.encode()) if pem is not None else None
    return sha256(der).hex() if der else None


@functools.lru_cache(maxsize=None)
def signature_good(pem, body, signature):
    try:
        raw = base64.b64decode(signature, validate=True)
    except ValueError:
        return False
    if base64.b64encode(raw).decode() != signature:
        return False
    key = openssl("x509", "-pubkey", "-noout", data=pem.encode())
    with tempfile.TemporaryDirectory() as folder:
        files = {"key": key or b"", "signature": raw}
        for name, data in files.items():
            pathlib.Path(folder, name).write_bytes(data)
        return openssl("dgst", "-sha256", "-verify", f"{folder}/key", "-signature", f"{folder}/signature",
                       data=body) is not None


@functools.lru_cache(maxsize=None)
def detached_good(pem, content, cms):
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("pem", pem.encode()), ("content", content), ("cms", cms)):
            pathlib.Path(folder, name).write_bytes(data)
        return openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", f"{folder}/cms", "-content",
                       f"{folder}/content", "-certfile", f"{folder}/pem", "-nointern", "-noverify") is not None


class Checkpoint:
    MEMBERS = ["certificate_sha256", "format", "hash", "journal", "n", "reason", "root", "station", "time_us"]

    def __init__(self, body, signature):
        self.body, self.signature = body, signature
        self.value = v = parse(body) or {}
        self.sound = (
            list(v) == self.MEMBERS
            and all(isinstance(v[m], str) and HEX64.match(v[m]) for m in ("certificate_sha256", "hash", "root"))
            and v["format"] == "keyline-audit-checkpoint-1"
            and is_text(v["journal"]) and is_text(v["station"]) and isinstance(v["reason"], str)
            and all(is_number(v[m]) and v[m] > 0 for m in ("n", "time_us"))
        )
        if self.sound:
            self.n, self.journal, self.station = v["n"], v["journal"], v["station"]
            self.hash, self.root = bytes.fromhex(v["hash"]), bytes.fromhex(v["root"])
            self.key = v["certificate_sha256"]

    @staticmethod
    def of(value):
        """From an object {body, signature}."""
        if not isinstance(value, dict) or list(value) != ["body", "signature"]:
            return None
        if not is_text(value["body"]) or not is_text(value["signature"]):
            return None
        checkpoint = Checkpoint(value["body"].encode(), value["signature"])
        return checkpoint if checkpoint.sound else None

    def doubt(self, pem, key):
        if pem is None:
            return "no certificate is there to check the signature with"
        if key != self.key:
            return "it names another certificate"
        return None if signature_good(pem, self.body, self.signature) else "the signature is not the station's"


class Options:
    def __init__(self, certificate=None, checkpoint=None):
        self.certificate = certificate
        if certificate is not None and fingerprint(certificate) is None:
            raise Usage("the station's certificate is none")
        self.given = None
        if checkpoint is not None:
            self.given = Checkpoint.of(parse(checkpoint.strip().encode()))
            if self.given is None:
                raise Usage("the checkpoint to compare with is none")
