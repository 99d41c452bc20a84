#!/usr/bin/env python3
"""Checks a Keyline journal without Keyline: a station's database, an export (a folder or a tar file) or a proof, by
db/AUDIT-FORMAT.md. Python's standard library and the openssl command, nothing else.

audit_verify.py [--output json] [--checkpoint FILE] [--station-certificate FILE] DB|EXPORT|PROOF
Exit code 0: whole, 1: findings, 2: wrong usage, 3: it can't be read."""

import argparse
import base64
import functools
import hashlib
import json
import os
import pathlib
import re
import sqlite3
import ssl
import subprocess
import sys
import tempfile

TOLD_MOST = 100
NUMBER_MOST = 2**53 - 1
VALUE_MOST = 64 << 20
HEX64 = re.compile(r"[0-9a-f]{64}\Z")
NAME = re.compile(r"[a-z0-9_]+\Z")


class Unreadable(Exception):
    pass


class Usage(Exception):
    pass


def sha256(data):
    return hashlib.sha256(data).digest()


class Findings(list):
    def add(self, kind, where, words):
        self.append((kind, where, words))


def events_words(first, last):
    return f"event {first}" if first == last else f"events {first}-{last}"


# --- canonical JSON ---


def check_value(value, depth):
    """The restrictions that RFC 8785 does not make."""
    if isinstance(value, dict):
        if depth >= 32 or not all(NAME.match(name) for name in value):
            raise ValueError
        for member in value.values():
            check_value(member, depth + 1)
    elif isinstance(value, list):
        if depth >= 32:
            raise ValueError
        for element in value:
            check_value(element, depth + 1)
    elif isinstance(value, bool) or isinstance(value, str):
        pass
    elif not isinstance(value, int) or abs(value) > NUMBER_MOST:
        raise ValueError


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse(data):
    """The object whose canonical form the bytes are, or None."""
    try:
        value = json.loads(data.decode())
        check_value(value, 0)
        return value if isinstance(value, dict) and canonical(value) == data else None
    except (ValueError, RecursionError):
        return None


def is_text(value):
    return isinstance(value, str) and "\0" not in value


def is_number(value):
    return isinstance(value, int) and not isinstance(value, bool)


def text_of(value):
    """A string; whatever else may stand there is as good as none."""
    return value if isinstance(value, str) else ""


def key_of(value):
    """What a thing is called by, whatever stands there."""
    return value if isinstance(value, str) else "" if value is None else canonical(value).decode()


def count_of(value):
    return value if is_number(value) else 0


EVENT_MEMBERS = {"data", "n", "salt", "time_us", "type"}


def parse_event(data):
    event = parse(data)
    if event is None or not EVENT_MEMBERS <= set(event) <= EVENT_MEMBERS | {"imei", "job"}:
        return None
    plain = [event[name] for name in ("imei", "job", "salt", "type") if name in event]
    if not all(isinstance(t, str) and t and t == json.dumps(t, ensure_ascii=False)[1:-1] for t in plain):
        return None
    if not isinstance(event["data"], dict) or not re.match(r"[0-9a-f]{32}\Z", event["salt"]):
        return None
    if not all(is_number(event[name]) and event[name] > 0 for name in ("n", "time_us")):
        return None
    return event


# --- certificates and signatures ---


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


# --- the tree ---


def leaf_hash(data):
    return sha256(b"\0" + data)


def node(left, right):
    return sha256(b"\1" + left + right)


class Frontier:
    def __init__(self, n=0, hashes=()):
        self.n, self.hashes = n, list(hashes)

    def add(self, leaf):
        bits = self.n
        while bits & 1:
            leaf, bits = node(self.hashes.pop(), leaf), bits >> 1
        self.hashes.append(leaf)
        self.n += 1

    def root(self):
        root, *rest = reversed(self.hashes)
        for left in rest:
            root = node(left, root)
        return root


# --- a database ---


def make_valid(data):
    """As UTF-8, with U+FFFD for each byte that is none."""
    text = b""
    while data:
        try:
            data.decode()
            text, data = text + data, b""
        except UnicodeDecodeError as error:
            text, data = text + data[: error.start] + "\ufffd".encode(), data[error.start + 1 :]
    return text.decode().replace("\0", "\ufffd")


def members(row, names):
    """The columns as JSON members; text comes as bytes."""
    value = {}
    for name, column in zip(names, row):
        if column is None:
            continue
        if isinstance(column, bytes):
            value[name] = make_valid(column)
        elif isinstance(column, Blob) or isinstance(column, float):
            value[name] = None
        elif name in ("already_provisioned", "resumed", "row_queued") and column in (0, 1):
            value[name] = bool(column)
        else:
            value[name] = column
    return value


def registration(row):
    """The hash of a row without its connections and version, and these."""
    rest = {name: value for name, value in row.items() if name not in ("connections", "version")}
    return sha256(canonical(rest)).hex(), *(max(count_of(row.get(name)), 0) for name in ("connections", "version"))


def same_registration(told, kept):
    """Connections may have grown; a version that is not told of (None) may be any."""
    return told[0] == kept[0] and told[1] <= kept[1] and told[2] in (None, kept[2])


class Blob:
    """A column that is no text although it should be."""


JOB = ["agent_version", "already_provisioned", "batch", "boot_id", "certificate", "code", "detail", "device_id",
       "ended_us", "firmware", "first_code", "fsn", "id", "imei", "keystore", "label", "model", "operator", "outcome",
       "product", "program", "reprovision_reason", "resumed", "row_queued", "slot", "started_us", "station",
       "work_order"]
STEP = ["attempt", "code", "detail", "device_us", "duration_us", "outcome", "start_us", "step", "store_us"]
CERTIFICATE = ["sha256", "csr_sha256", "issuer", "not_after", "not_before", "serial", "spki_sha256", "subject"]
REGISTRATION = ["connections", "device", "firmware", "parameters", "policy", "registered", "version"]
ACT = ["reason", "role", "subject", "time_us", "what", "who"]
TABLES = ["audit_events", "audit_head", "audit_checkpoints", "audit_periods", "jobs", "steps", "transcripts",
          "certificates", "registration", "acts"]


class Database:
    def __init__(self, connection, options):
        self.db, self.options, self.found = connection, options, Findings()
        self.db.text_factory = bytes
        self.told = {}  # (kind, key): [(n, what)]
        self.key = self.pem = self.station = None
        self.key_event = 0
        self.suspect = None
        self.through = self.events = 0
        self.gap = self.tree_broken = self.rewritten = False
        self.given = options.given

    def rows(self, sql, *values):
        return self.db.execute(sql, values)

    def one(self, sql, *values):
        return self.rows(sql, *values).fetchone()

    def verify(self):
        ours, = self.one("SELECT application_id FROM pragma_application_id")
        tables, = self.one("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name IN (%s)"
                           % ",".join("?" * len(TABLES)), *TABLES)
        if ours != 0x4B4C494E or tables != len(TABLES):
            raise Unreadable("this database has no journal")
        self.begin()
        self.seals(self.first - 1)
        for row in self.rows("SELECT n, type, job, imei, time_us, CAST(body AS BLOB), hash FROM audit_events"
                             " WHERE n >= ? ORDER BY n", self.first):
            self.event(*row)
        self.end()
        self.compare()
        return self.found

    # where it begins

    def begin(self):
        head = self.one("SELECT journal, n, hash, frontier FROM audit_head LIMIT 1")
        self.journal = head[0].decode() if head else None
        self.head = head
        lowest, = self.one("SELECT min(n) FROM audit_events")
        self.closed, = self.one("SELECT coalesce(max(through), 0) FROM audit_periods")
        self.first, self.hash, self.tree = 1, bytes(32), Frontier()
        state = self.one("SELECT through, hash, frontier FROM audit_periods WHERE through < ? AND through > 0"
                         " ORDER BY through DESC LIMIT 1", lowest if lowest is not None else 2**63 - 1)
        if state:
            through, self.hash, frontier = state
            self.first = through + 1
            hashes = [frontier[i : i + 32] for i in range(0, len(frontier), 32)]
            self.tree = Frontier(through, hashes)
            self.tree_broken = len(frontier) != 32 * through.bit_count()
        if lowest is not None and lowest < self.first:
            self.found.add("added", f"event {lowest}", "the journal begins behind it")
        self.next = self.first
        if self.first > 1:
            row = self.one("SELECT CAST(body AS BLOB) FROM audit_events WHERE n >= ? AND type = 'audit-key'"
                           " ORDER BY n LIMIT 1", self.first)
            event = parse_event(row[0]) if row else None
            if event:
                self.take_key(event)
            if self.pem is None and self.options.certificate is not None:
                self.pem, self.key = self.options.certificate, fingerprint(self.options.certificate)
        self.checkpoints = self.rows("SELECT n, body, signature FROM audit_checkpoints ORDER BY n").fetchall()
        self.kept_seals = []
        for through, digest, frontier, manifest, body in self.rows(
                "SELECT p.through, p.hash, p.frontier, p.manifest_sha256, c.body FROM audit_periods p"
                " LEFT JOIN audit_checkpoints c ON c.n = p.through ORDER BY p.through"):
            self.period(through, digest, frontier, manifest, body)

    def period(self, through, digest, frontier, manifest, body):
        checkpoint = Checkpoint(body, "") if body is not None else None
        good = checkpoint is not None and checkpoint.sound and through >= 1
        good = good and len(frontier) == 32 * through.bit_count() and digest == checkpoint.hash
        if not good or Frontier(through, [frontier[i : i + 32] for i in range(0, len(frontier), 32)]).root() \
                != checkpoint.root:
            self.found.add("altered", f"period {through}", "its hashes are not those of its checkpoint")
        self.kept_seals.append(("period", str(through), through, manifest.decode()))

    def take_key(self, event):
        data = event["data"]
        pem = data.get("certificate")
        key = fingerprint(pem) if is_text(pem) else None
        if key is None or data.get("certificate_sha256") != key:
            return False
        self.pem, self.key, self.key_event, self.station = pem, key, event["n"], data.get("station")
        return True

    # one event

    def event(self, n, type_, job, imei, time_us, body, digest):
        if n < self.next:
            self.found.add("added", f"event {n}", "another event of this number is there")
            return
        if n > self.next:
            self.found.add("missing", events_words(self.next, n - 1), "not there any more")
            self.gap = self.tree_broken = True
        event = parse_event(body)
        following = self.follows(n, body, digest)
        columns = [c.decode(errors="replace") if isinstance(c, bytes) else c for c in (type_, job, imei, time_us)]
        if event is None:
            self.found.add("altered", f"event {n}", "its body is no event of this format")
        elif event["n"] != n:
            self.found.add("moved", f"event {n}", f"here stands event {event['n']}")
        elif columns != [event.get(name) for name in ("type", "job", "imei", "time_us")]:
            self.found.add("altered", f"event {n}", "its columns are not what its body says")
        elif not following:
            self.found.add("altered", f"event {n}", "it does not follow from what was before it")
        if n == 1:
            self.begins(event)
        if not self.gap:
            self.tree.add(leaf_hash(body))
        self.hash, self.gap, self.next = digest, False, n + 1
        self.events += 1
        if event and event["type"] == "audit-key" and not self.take_key(event):
            self.found.add("altered", f"event {n}", "the certificate in it is none, or not the one that it names")
        if event:
            self.tell(n, event)
        self.seals(n)

    def follows(self, n, body, digest):
        """Also settles whether the event before had its body or only its hash altered."""
        suspect, self.suspect = self.suspect, None
        if self.gap:
            return True
        computed = sha256(self.hash + body)
        if computed == digest:
            self.tree_broken |= suspect is not None
            return True
        if suspect is not None:
            if sha256(suspect + body) == digest:
                return True
            self.tree_broken = True
        self.suspect = computed
        return False

    def begins(self, event):
        data = event["data"] if event else {}
        if event is None or event["type"] != "journal-begin" or data.get("format") != "keyline-audit-1":
            self.found.add("altered", "event 1", "it does not begin a journal of this format")
        elif self.journal is not None and data.get("journal") != self.journal:
            self.found.add("altered", "head", "it names another journal than event 1")

    def tell(self, n, event):
        data, type_ = event["data"], event["type"]

        def add(kind, key, what):
            if kind in ("checkpoint", "period") or n > self.closed:
                self.told.setdefault((kind, key), []).append((n, what))

        if type_ == "job-end":
            add("job", event.get("job", ""), (event.get("imei"), canonical(data)))
        elif type_ == "issue":
            own = {k: v for k, v in data.items() if k not in ("supersedes", "supersede_reason")}
            add("certificate", text_of(data.get("certificate_sha256")), (event.get("imei"), event.get("job"), canonical(own)))
            if isinstance(data.get("supersedes"), str):
                add("superseded", data["supersedes"], text_of(data.get("supersede_reason")))
        elif type_ == "revoke":
            add("revoked", key_of(data.get("certificate_sha256")), text_of(data.get("reason")))
        elif type_ == "register":
            add("registration", text_of(data.get("device")), registration(data))
        elif type_ == "activation" and "row_sha256" in data:
            message = data.get("message")
            message = message if isinstance(message, dict) else {}
            version = max(count_of(data["version"]), 0) if "version" in data else None
            row = text_of(data["row_sha256"]), max(count_of(data.get("connections")), 0), version
            add("registration", text_of(message.get("device")), row)
        elif type_ == "act":
            add("act", canonical(data), None)
        elif type_ == "checkpoint":
            add("checkpoint", key_of(data.get("n")), text_of(data.get("sha256")))
        elif type_ == "period-closed":
            add("period", key_of(data.get("through")), text_of(data.get("manifest_sha256")))

    # the seals on them

    def agrees(self, checkpoint):
        if checkpoint.hash != self.hash and checkpoint.hash != self.suspect:
            return False
        return self.tree_broken or self.suspect is not None or checkpoint.root == self.tree.root()

    def check_sealed(self, checkpoint, where):
        doubt = checkpoint.doubt(self.pem, self.key)
        if doubt:
            self.found.add("signature", where, doubt)
        elif self.journal is not None and checkpoint.journal != self.journal:
            self.found.add("altered", where, "it is another journal's")
        elif self.agrees(checkpoint):
            if not self.rewritten:
                self.through = checkpoint.n
        elif not self.rewritten:
            self.rewritten = True
            first = min(max(self.through + 1, self.first), checkpoint.n)
            self.found.add("altered", f"events {first}-{checkpoint.n}", f"{where} was signed over others")

    def check_row(self, at):
        n, body, signature = self.checkpoints.pop(0)
        where = f"checkpoint {n}"
        checkpoint = Checkpoint(body, signature.decode(errors="replace"))
        if not checkpoint.sound:
            self.found.add("altered", where, "it is no checkpoint")
        elif checkpoint.n != n:
            self.found.add("moved", where, f"here stands checkpoint {checkpoint.n}")
        elif n == at:
            self.check_sealed(checkpoint, where)
        elif n >= self.first - 1 or checkpoint.key == self.key:
            doubt = checkpoint.doubt(self.pem, self.key)
            if doubt:
                self.found.add("signature", where, doubt)
        if self.given and self.given.n == n < self.first and self.given.body == body:
            self.given = None
        self.kept_seals.append(("checkpoint", str(n), n, sha256(body).hex()))

    def seals(self, n):
        if self.given and self.given.n == n >= self.first:
            given, self.given = self.given, None
            self.check_sealed(given, "given checkpoint")
        while self.checkpoints and self.checkpoints[0][0] <= n:
            self.check_row(n)

    # the end

    def end(self):
        last = self.next - 1
        if self.head is None and self.events == 0:
            self.found.add("missing", "journal", "it has not begun, or all of it was taken out")
        elif self.head is None:
            self.found.add("missing", "head", "where the journal ends is not there any more")
        elif self.head[1] > last:
            self.found.add("missing", events_words(last + 1, self.head[1]), "the journal ended behind them")
        elif self.head[1] < last:
            self.found.add("added", events_words(max(self.head[1], 0) + 1, last), "the journal ended before them")
        elif not self.head_agrees():
            self.found.add("altered", "head", "its hashes are not those of the events")
        anchor = self.options.certificate and fingerprint(self.options.certificate)
        if anchor and anchor != self.key:
            where = f"event {self.key_event}" if self.key_event else "journal"
            self.found.add("signature", where, "from here on another certificate signs than the one to be trusted")
        while self.checkpoints:
            self.found.add("missing", f"checkpoint {self.checkpoints[0][0]}", "its events are not there any more")
            self.check_row(-1)
        if self.given:
            doubt = self.given.doubt(self.pem, self.key)
            if doubt:
                self.found.add("signature", "given checkpoint", doubt)
            elif self.given.n > last:
                self.found.add("missing", f"events {last + 1}-{self.given.n}", "the given checkpoint is over them")
            else:
                self.found.add("missing", "given checkpoint", "the journal has nothing that agrees with it")
        if self.key_event > self.through and (self.through > 0 or anchor):
            self.found.add("signature", f"event {self.key_event}", "its certificate has signed nothing since")

    def head_agrees(self):
        _, _, digest, frontier = self.head
        if digest != self.hash and digest != self.suspect:
            return False
        return self.tree_broken or self.suspect is not None or frontier == b"".join(self.tree.hashes)

    # the rows of other tables

    def counts(self):
        if self.closed:
            wanted, type_ = self.closed, "period-closed"
        else:
            wanted, type_ = None, "journal-begin"
        for body, in self.rows("SELECT CAST(body AS BLOB) FROM audit_events WHERE n > ? AND type = ? ORDER BY n",
                               self.closed, type_):
            event = parse_event(body)
            if event and (wanted is None or event["data"].get("through") == wanted):
                return event
            if wanted is None:
                break
        return {"data": {}, "n": 0}

    def kept(self):
        """Yields (kind, key, number, what) of every row."""
        def text(column):
            return make_valid(column) if isinstance(column, bytes) else column

        for *row, number, imei in self.rows(f"SELECT {','.join(JOB)}, number, coalesce(unit, imei) FROM jobs"
                                            " WHERE outcome <> 'RUNNING' ORDER BY number"):
            id_ = row[JOB.index("id")]
            record = members(row, JOB)
            record["steps"] = [members(step, STEP) for step in self.rows(
                f"SELECT {','.join(STEP)} FROM steps WHERE job = ? ORDER BY position", id_.decode())]
            data = {"record": record}
            transcript = self.one("SELECT CAST(text AS BLOB) FROM transcripts WHERE job = ?", id_.decode())
            if transcript:
                data["transcript_sha256"] = sha256(transcript[0]).hex()
            yield "job", text(id_), number, (text(imei), canonical(data))
        for *row, imei, job, number, der, over, reason, revoked, why in self.rows(
                f"SELECT {','.join(CERTIFICATE)}, imei, job, number, der, superseded_us, supersede_reason, revoked_us,"
                " revoke_reason FROM certificates ORDER BY number"):
            sha = text(row[0])
            data = members(row, ["certificate_sha256"] + CERTIFICATE[1:])
            yield "certificate", sha, number, (text(imei), text(job), canonical(data))
            if sha256(der).hex() != sha:
                self.found.add("altered", f"certificate {sha}", "its bytes do not have that SHA-256")
            if over is not None or reason is not None:
                yield "superseded", sha, number, text_of(text(reason))
            if revoked is not None or why is not None:
                yield "revoked", sha, number, text_of(text(why))
        for *row, number in self.rows(f"SELECT {','.join(REGISTRATION)}, rowid FROM registration ORDER BY rowid"):
            yield "registration", text(row[1]), number, registration(members(row, REGISTRATION))
        for *row, number in self.rows(f"SELECT {','.join(ACT)}, number FROM acts ORDER BY number"):
            yield "act", canonical(members(row, ACT)), number, None
        yield from self.kept_seals

    def compare(self):
        counted = self.counts()
        counts = counted["data"]
        numbers = [n for n, in self.rows("SELECT number FROM certificates ORDER BY number")]
        covered = count_of(counts.get("certificates"))
        old = numbers[min(covered, len(numbers)) - 1] if covered > 0 and numbers else -(2**63)
        excused = {"superseded": old, "revoked": old, "checkpoint": self.first - 2, "period": self.first - 2}
        if self.closed and counted["n"] > self.through:
            self.found.add("signature", f"period {self.closed}", "no checkpoint is over the event that closed it")
        allowed = {"job": "jobs", "certificate": "certificates", "registration": "registrations", "act": "acts"}
        kept = {}
        for kind, key, number, what in self.kept():
            kept.setdefault((kind, key), []).append((number, what))
        untold = {kind: [] for kind in allowed}
        for thing in kept.keys() | self.told.keys():
            self.judge(thing, self.told.get(thing, []), kept.get(thing, []), excused, untold)
        for kind, rows in untold.items():
            told = [[n for n, _ in claims if n < counted["n"]] for (k, _), claims in self.told.items() if k == kind]
            told = sum(map(len, told)) if kind == "act" else sum(map(bool, told))
            for number, key in sorted(rows)[max(count_of(counts.get(allowed[kind])) - told, 0):]:
                self.found.add("added", f"act {number}" if kind == "act" else f"{kind} {key}", "no event tells of it")

    def judge(self, thing, told, kept, excused, untold):
        kind, key = thing
        where = f"{'certificate' if kind in ('superseded', 'revoked') else kind} {key}"
        if kind == "act":
            if not told:
                untold[kind] += [(kept[0 if i == 0 else -1][0], key) for i in range(len(kept))]
            elif len(kept) > len(told):
                self.found.add("added", f"act {kept[-1][0]}", "no event tells of it")
            elif len(kept) < len(told):
                self.found.add("missing", f"act of event {told[-1][0]}", "it is not among the acts")
        elif not told:
            if kind in untold:
                untold[kind] += [(kept[0 if i == 0 else -1][0], key) for i in range(len(kept))]
            elif kept[-1][0] > excused[kind]:
                self.found.add("added", where, "no event tells of it")
        elif len(kept) > 1:
            self.found.add("added", where, "it is there more than once")
        elif not kept:
            self.found.add("missing", where, f"event {told[-1][0]} tells of it, but it is not there any more")
        else:
            what, says = kept[0][1], [t for _, t in told]
            if kind in ("job", "checkpoint", "period"):
                good = says == [what]
            elif kind == "registration":
                good = same_registration(says[-1], what)
            else:
                good = what in says
            if not good:
                self.found.add("altered", where, f"it is not what event {told[-1][0]} says")


# --- events that were taken out of a journal ---


def shown_root(n, following, hidden):
    """R(1, n + 1), or None. following() gives (n, leaf) or None, hidden() a hash or None."""
    ahead = [following()]

    def over(a, b):
        if ahead[0] is None or ahead[0][0] >= b:
            return hidden()
        if b == a + 1:
            leaf = ahead[0][1]
            ahead[0] = following()
            return leaf
        k = 1 << (b - a - 1).bit_length() - 1
        left = over(a, a + k)
        right = over(a + k, b) if left is not None else None
        return node(left, right) if right is not None else None

    return over(1, n + 1)


def check_shown(checkpoint, lines, hidden, leaves, given, found):
    """lines: the events' bytes. leaves: [(n, hash)] or None. given: a checkpoint whose h(n) is wanted.
    Returns (sound events, how many lines, that hash or None)."""
    doubts, events = Findings(), []
    leaves = None if leaves is None else list(leaves)
    chain = {"whole": True, "hash": bytes(32), "given": None}
    hidden, lines = iter(hidden), iter(lines)
    count = last = 0
    before = len(found)

    def compare_leaf(n, leaf):
        while leaves and leaves[0][0] < n:
            doubts.add("missing", f"event {leaves.pop(0)[0]}", "leaves.txt has it")
        if not leaves or leaves[0][0] != n:
            doubts.add("added", f"event {n}", "leaves.txt does not have it")
        elif leaves.pop(0)[1] != leaf:
            doubts.add("altered", f"event {n}", "its hash is not the one in leaves.txt")

    def following():
        nonlocal count, last
        for line in lines:
            count += 1
            event = parse_event(line)
            if event is None:
                where = f"event {leaves.pop(0)[0]}" if leaves else f"line {count}"
                found.add("altered", where, "it is no event of this format")
                chain["whole"] = False
                continue
            n = event["n"]
            if n <= last or n > checkpoint.n:
                found.add("moved" if n <= last else "added", f"event {n}", "it has no place here")
                chain["whole"] = False
                continue
            leaf = leaf_hash(line)
            if leaves is not None:
                compare_leaf(n, leaf)
            chain["whole"] = chain["whole"] and n == last + 1
            if chain["whole"]:
                chain["hash"] = sha256(chain["hash"] + line)
                if given and given.n == n:
                    chain["given"] = chain["hash"]
            last = n
            events.append((event, line))
            return n, leaf
        return None

    root = shown_root(checkpoint.n, following, lambda: next(hidden, None))
    good = root is not None
    while following():
        good = False
    for n, _ in leaves or []:
        doubts.add("missing", f"event {n}", "leaves.txt has it")
    missing = object()
    good = good and next(hidden, missing) is missing and root == checkpoint.root
    if not good:
        told = len(found) > before
        found.extend(doubts)
        if not doubts and not told:
            found.add("altered", "root", "the events and hidden hashes do not make the checkpoint's root")
    elif doubts:
        found.add("altered", "file leaves.txt", "its hashes are not those of the events, which are good")
    if good and chain["whole"] and last == checkpoint.n and chain["hash"] != checkpoint.hash:
        found.add("altered", "chain", "the events do not lead to the checkpoint's hash")
    return events, count, chain["given"]


def hash_of(text):
    return bytes.fromhex(text) if isinstance(text, str) and HEX64.match(text) else None


# --- an export ---


def tar_number(field):
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    match = re.match(rb"([0-7]+)[\0 ]\0*\Z", field)
    return int(match[1], 8) if match else None


def read_tar(data, found):
    """{name: bytes}. Plain files in one folder, as POSIX has it, and nothing else."""
    files, offset, folder = {}, 0, None

    def fault(kind, words):
        found.add(kind, "tar", f"at byte {offset}: {words}")
        return files

    while True:
        head = data[offset : offset + 512]
        if len(head) < 512:
            return fault("missing", "its end is cut off")
        if not any(head):
            break
        number, size = tar_number(head[148:155] + head[155:156].replace(b" ", b"\0")), tar_number(head[124:136])
        name = head[:100].partition(b"\0")
        match = re.match(rb"([^/]+)/([^/]+)\Z", name[0], re.S) if name[1] else None
        good = number == sum(head[:148]) + 8 * 32 + sum(head[156:]) and head[257:265] == b"ustar\00000"
        good = good and head[156:157] == b"0" and not any(head[157:257]) and not any(head[345:500])
        good = good and size is not None and match is not None and folder in (None, match[1])
        try:
            file = match[2].decode() if match else None
            folder = match[1] if good else folder
            match and match[1].decode()
        except UnicodeDecodeError:
            good = False
        if not good:
            return fault("altered", "this is no head of a file")
        begin, end = offset + 512, offset + 512 + (size + 511) // 512 * 512
        if end > len(data):
            return fault("missing", "the file is cut off")
        if file in files or len(files) == 64:
            return fault("added", "another file of this name, or one too many")
        files[file] = data[begin : begin + size]
        if any(data[begin + size : end]):
            return fault("altered", "something lies between two files")
        offset = end
    if len(data) < offset + 1024:
        return fault("missing", "its end is cut off")
    if any(data[offset:]):
        return fault("added", "something lies behind its end")
    return files


def read_folder(path, found):
    files = {}
    for entry in os.scandir(path):
        if entry.is_file(follow_symlinks=False):
            files[entry.name] = pathlib.Path(entry.path).read_bytes()
        else:
            found.add("added", f"file {entry.name}", "it is no plain file that can be read")
    return files


def parse_manifest(data):
    value = parse(data)
    names = ["checkpoint", "created_us", "events", "files", "format", "journal", "selection", "station"]
    if value is None or list(value) != names or value["format"] != "keyline-audit-export-1":
        return None
    if not is_number(value["created_us"]) or not is_number(value["events"]) or not isinstance(value["files"], list):
        return None
    if not is_text(value["journal"]) or not is_text(value["station"]) or not isinstance(value["selection"], dict):
        return None
    return value if Checkpoint.of(value["checkpoint"]) else None


def check_files(manifest, files, found):
    listed = {"manifest.json", "manifest.json.p7s", "station.pem"}
    for entry in manifest["files"]:
        if not isinstance(entry, dict) or list(entry) != ["bytes", "name", "sha256"] or \
                not is_number(entry["bytes"]) or not is_text(entry["name"]) or not isinstance(entry["sha256"], str):
            found.add("altered", "file manifest.json", "its list of files can't be read")
            continue
        name = entry["name"]
        listed.add(name)
        if name not in files:
            found.add("missing", f"file {name}", "the manifest lists it")
        elif len(files[name]) != entry["bytes"] or sha256(files[name]).hex() != entry["sha256"]:
            found.add("altered", f"file {name}", "it is not the one that the manifest lists")
    for name in files.keys() - listed:
        found.add("added", f"file {name}", "the manifest does not list it")


def lines_of(data):
    return data.split(b"\n")[:-1]


def leaf_lines(data):
    for line in lines_of(data):
        match = re.match(rb"([0-9]{1,16}) ([0-9a-f]{64})\Z", line)
        if not match:
            return
        yield int(match[1]), bytes.fromhex(match[2].decode())


def verify_export(files, options, found):
    if "manifest.json" not in files and "events.jsonl" not in files:
        raise Unreadable("this is no export")
    pem_file = files.get("station.pem")
    enclosed = pem_file.decode(errors="replace") if pem_file is not None else None
    pem = options.certificate or enclosed
    own, key = fingerprint(enclosed), fingerprint(pem)
    pem = pem if key else None
    if pem_file is None:
        found.add("missing", "file station.pem", "the station's certificate is not there")
    elif own is None:
        found.add("altered", "file station.pem", "it is no certificate")
    elif own != key:
        found.add("signature", "file station.pem", "it is not the certificate to be trusted")
    data = files.get("manifest.json")
    manifest = parse_manifest(data) if data is not None else None
    if manifest is None:
        found.add("missing" if data is None else "altered", "file manifest.json", "there is no manifest of this format")
        return found
    cms = files.get("manifest.json.p7s")
    if cms is None:
        found.add("missing", "file manifest.json.p7s", "nobody has signed the manifest")
    elif pem is None or not detached_good(pem, data, cms):
        found.add("signature", "file manifest.json", "its signature is not the station's")
    checkpoint = Checkpoint.of(manifest["checkpoint"])
    doubt = checkpoint.doubt(pem, key)
    if doubt:
        found.add("signature", f"checkpoint {checkpoint.n}", doubt)
    elif checkpoint.journal != manifest["journal"]:
        found.add("altered", f"checkpoint {checkpoint.n}", "it is another journal's")
    check_files(manifest, files, found)
    return check_export_events(manifest, files, checkpoint, pem, key, options.given, found)


def check_transcripts(events, data, found):
    """One line for each job-end event that tells of a transcript, in their order."""
    lines = iter(lines_of(data))
    for event, _ in events:
        wanted = event["data"].get("transcript_sha256") if event["type"] == "job-end" else None
        if wanted is None:
            continue
        where, line = f"transcript of event {event['n']}", next(lines, None)
        if line is None:
            found.add("missing", where, "transcripts.jsonl ends before it")
            return
        value = parse(line)
        if value is None or list(value) != ["job", "text"] or not isinstance(value["job"], str) or \
                not is_text(value["text"]):
            found.add("altered", where, "its line is not of this format")
        elif value["job"] != event.get("job"):
            found.add("missing", where, "another job's stands in its place")
            return
        elif sha256(value["text"].encode()).hex() != wanted:
            found.add("altered", where, "it is not the one that the event tells of")
    if next(lines, None) is not None or (data and not data.endswith(b"\n")):
        found.add("added", "file transcripts.jsonl", "no event tells of what stands at its end")


def check_export_events(manifest, files, checkpoint, pem, key, given, found):
    raw = files.get("events.jsonl", b"")
    hidden = (hash_of(line.decode(errors="replace")) for line in lines_of(files.get("hidden.txt", b"")))
    before = len(found)
    events, count, chained = check_shown(checkpoint, lines_of(raw), hidden, leaf_lines(files.get("leaves.txt", b"")),
                                         given, found)
    if len(found) == before:
        check_transcripts(events, files.get("transcripts.jsonl", b""), found)
    if raw and not raw.endswith(b"\n"):
        found.add("altered", "file events.jsonl", "it does not end with a line")
    if not found and count != manifest["events"]:
        found.add("altered", "file manifest.json", "it counts other events")
    if chained is not None and chained != given.hash:
        found.add("altered", "given checkpoint", "it was signed over other events")
    keys = {key: pem}
    for event, _ in events:
        own = event["data"].get("certificate") if event["type"] == "audit-key" else None
        if is_text(own) and fingerprint(own):
            keys.setdefault(fingerprint(own), own)
    seen = chained is not None
    for number, line in enumerate(lines_of(files.get("checkpoints.jsonl", b"")), 1):
        other = Checkpoint.of(parse(line))
        if other is None:
            found.add("altered", f"checkpoints.jsonl line {number}", "it is no checkpoint")
        else:
            doubt = other.doubt(keys.get(other.key), other.key)
            if doubt:
                found.add("signature", f"checkpoint {other.n}", doubt)
            seen = seen or bool(given) and other.body == given.body
    if given:
        same = (given.n, given.hash, given.root) == (checkpoint.n, checkpoint.hash, checkpoint.root)
        if given.doubt(keys.get(given.key), given.key):
            found.add("signature", "given checkpoint", "it is not signed by the station")
        elif given.journal != checkpoint.journal or (given.n == checkpoint.n and not same):
            found.add("altered", "given checkpoint", "it was signed over another journal")
        elif not same and not seen:
            raise Usage("the given checkpoint says nothing about this export")
    return found


# --- a proof ---


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


# --- whatever it is ---


def open_database(path):
    uri = pathlib.Path(path).absolute().as_uri() + "?mode=ro"
    if not os.path.exists(f"{path}-wal"):
        uri += "&immutable=1"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_MOST)
    return connection


def verify(path, options):
    found = Findings()
    path = os.fspath(path)
    if os.path.isdir(path):
        return verify_export(read_folder(path, found), options, found)
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except OSError as error:
        raise Unreadable(error) from None
    if head.startswith(b"SQLite format 3\0"):
        connection = open_database(path)
        try:
            connection.execute("BEGIN")
            return Database(connection, options).verify()
        except sqlite3.Error as error:
            raise Unreadable(error) from None
        finally:
            connection.close()
    data = pathlib.Path(path).read_bytes()
    if data.startswith(b"{"):
        return verify_proof(data, options, found)
    if data[257:262] == b"ustar":
        return verify_export(read_tar(data, found), options, found)
    raise Unreadable("neither a database nor an export nor a proof")


def main():
    parser = argparse.ArgumentParser(description="Checks a Keyline journal, an export or a proof.")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    parser.add_argument("--checkpoint", type=pathlib.Path)
    parser.add_argument("--station-certificate", type=pathlib.Path)
    parser.add_argument("path")
    words = parser.parse_args()
    try:
        checkpoint = words.checkpoint.read_text().strip().splitlines()[-1] if words.checkpoint else None
        certificate = words.station_certificate.read_text() if words.station_certificate else None
        found = verify(words.path, Options(certificate, checkpoint))
    except Usage as error:
        print(error, file=sys.stderr)
        return 2
    except (OSError, IndexError, Unreadable) as error:
        print(error, file=sys.stderr)
        return 3
    told, more = found[:TOLD_MOST], max(len(found) - TOLD_MOST, 0)
    if words.output == "json":
        findings = [dict(zip(("kind", "where", "words"), finding)) for finding in told]
        print(json.dumps({"whole": not found, "findings": findings, "more": more}))
    else:
        for finding in told:
            print("%-10s %s: %s" % finding)
        print(f"and {more} more" if more else "not whole" if found else "whole")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
