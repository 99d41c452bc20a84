"""A verifier of Keyline's journal, exports and proofs that shares nothing with Keyline; audit_verify.py is its command.
Only what db/AUDIT-FORMAT.md says stands in here, Python's standard library, and the openssl command."""

from auditor.canonical import canonical, sha256
from auditor.export import read_tar
from auditor.findings import Findings, Unreadable, Usage, events_words
from auditor.merkle import Frontier, leaf_hash
from auditor.rows import ACT, CERTIFICATE, JOB, REGISTRATION, STEP
from auditor.signed import Options, detached_good, fingerprint
from auditor.verifier import VALUE_MOST, verify

__all__ = ["ACT", "CERTIFICATE", "JOB", "REGISTRATION", "STEP", "VALUE_MOST", "Findings", "Frontier", "Options",
           "Unreadable", "Usage", "canonical", "detached_good", "events_words", "fingerprint", "leaf_hash", "read_tar",
           "sha256", "verify"]
