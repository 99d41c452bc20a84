"""A proof: one unit's events."""

import ssl

from auditor.canonical import hash_of, is_text, parse
from auditor.findings import Usage
from auditor.shown import check_shown
from auditor.signed import Checkpoint, fingerprint


def is_plain_pem(pem):
    try:
        return ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(pem)) == pem
    except ValueError:
        return False


def verify_proof(data, options, found):
    value = parse(data[:-1] if data.endswith(b"\n") else data)
    names = ["certificate", "checkpoint", "events", "format", "hidden", "identifier"]
    sound = value is not None and list(value) == names and value["format"] == "keyline-audit-proof-1"
    sound = sound and isinstance(value["events"], list) and isinstance(value["hidden"], list)
    checkpoint = Checkpoint.of(value["checkpoint"]) if sound else None
    if checkpoint is None or not is_text(value["certificate"]) or not is_text(value["identifier"]):
        found.add("altered", "proof", "it is no proof of this format")
        return found
    own, pem = fingerprint(value["certificate"]), options.certificate or value["certificate"]
    key = fingerprint(pem)
    if own is None or not is_plain_pem(value["certificate"]):
        found.add("altered", "certificate", "it is no certificate")
    elif own != key:
        found.add("signature", "certificate", "it is not the certificate to be trusted")
    doubt = checkpoint.doubt(pem if key else None, key)
    if doubt:
        found.add("signature", f"checkpoint {checkpoint.n}", doubt)
    lines = [event.encode() if is_text(event) else b"" for event in value["events"]]
    events, _, _ = check_shown(checkpoint, lines, [hash_of(h) for h in value["hidden"]], None, None, found)
    wanted = value["identifier"].encode().lower()
    if not wanted or not any(wanted in line.lower() for _, line in events):
        found.add("altered", "identifier", "none of the events is about it")
    given = options.given
    if given and given.body != checkpoint.body:
        if given.n != checkpoint.n:
            raise Usage("the given checkpoint says nothing about this proof")
        found.add("altered", "given checkpoint", "the proof's is another one over as many events")
    return found
