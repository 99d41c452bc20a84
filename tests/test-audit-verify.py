#!/usr/bin/env python3
"""Whatever is done to a journal, an export or a proof shows, to keyline's verifier and to tests/audit_verify.py alike;
and what nobody touched is whole to both. test-audit-verify.py PEER (see audit_verify_peer.c) [SEED]"""

import base64
import itertools
import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import auditor as av  # noqa: E402

PEER = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 6
# How its threads hand things on does not depend on which bit was changed: under ThreadSanitizer few changes do.
FOR_THREADS = "KEYLINE_FOR_THREADS" in os.environ
DATABASE_TIMES, FILE_TIMES = (1, 12) if FOR_THREADS else (3, 60)


def some(cases, rng):
    """All of them, or under ThreadSanitizer a few."""
    return rng.sample(cases, len(cases) // 4) if FOR_THREADS else cases


class Peer:
    def __init__(self):
        self.process = subprocess.Popen([PEER, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, path, checkpoint="", certificate=""):
        self.process.stdin.write(f"{path}\t{checkpoint}\t{certificate}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def ask_python(path, checkpoint=None, certificate=None):
    try:
        pem = pathlib.Path(certificate).read_text() if certificate else None
        found = av.verify(path, av.Options(pem, checkpoint or None))
    except av.Usage:
        return 2, []
    except av.Unreadable:
        return 3, []
    return (1 if found else 0), [f"{kind} {where}" for kind, where, _ in found]


def append(db, type_, data):
    """As the station does."""
    n, digest = db.execute("SELECT n + 1, hash FROM audit_head").fetchone()
    body = av.canonical({"data": data, "n": n, "salt": "0" * 32, "time_us": 5, "type": type_})
    db.execute("INSERT INTO audit_events VALUES (?, ?, NULL, NULL, 5, ?, ?)",
               (n, type_, body.decode(), av.sha256(digest + body)))
    tree = av.Frontier(n - 1, split(db.execute("SELECT frontier FROM audit_head").fetchone()[0]))
    tree.add(av.leaf_hash(body))
    db.execute("UPDATE audit_head SET n = ?, hash = ?, frontier = ?",
               (n, av.sha256(digest + body), b"".join(tree.hashes)))
    return n


def split(frontier):
    return [frontier[i : i + 32] for i in range(0, len(frontier), 32)]


def sign(key, body):
    done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=body, check=True, capture_output=True)
    return base64.b64encode(done.stdout).decode()


def seal(db, key, fingerprint):
    """A checkpoint over all of it, as whoever has that key can make one."""
    n, digest, frontier = db.execute("SELECT n, hash, frontier FROM audit_head").fetchone()
    last = json.loads(db.execute("SELECT body FROM audit_checkpoints ORDER BY n DESC LIMIT 1").fetchone()[0])
    body = av.canonical({**last, "certificate_sha256": fingerprint, "hash": digest.hex(), "n": n,
                         "root": av.Frontier(n, split(frontier)).root().hex()})
    db.execute("INSERT INTO audit_checkpoints VALUES (?, ?, ?)", (n, body.decode(), sign(key, body)))
    append(db, "checkpoint", {"n": n, "reason": last["reason"], "sha256": av.sha256(body).hex()})


class Rig:
    """What all cases share."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.made = self.folder / "made"
        self.made.mkdir()
        self.line = subprocess.run([PEER, "make", str(self.made)], check=True, capture_output=True,
                                   text=True).stdout.strip()
        self.peer = Peer()
        self.station_pem = self.made / "all" / "station.pem"
        self.station_key = self.made / "audit" / "seal.key"
        self.station = av.fingerprint(self.station_pem.read_text())
        raw = bytearray((self.made / "keyline.db").read_bytes())
        raw[18:20] = b"\1\1"  # no WAL: only so can SQLite have it in memory
        self.base = bytes(raw)

    def both(self, path, what, checkpoint="", certificate=""):
        """The verdict, which has to be one, and the findings of both."""
        c = self.peer.ask(path, checkpoint, certificate)
        code, found = ask_python(path, checkpoint, certificate)
        assert c["code"] == code, f"{what}: {c} but {code} {found}"
        # How much of a damaged certificate can be read is OpenSSL's and the program's taste: its use shows.
        one, two = ({place for place in places if place != "altered certificate"} for places in (c["findings"], found))
        if "altered file station.pem" in one & two:
            one, two = ({place for place in places if not place.startswith("signature")} for places in (one, two))
        assert len(found) >= 100 or one == two, f"{what}:\n{sorted(one)}\n{sorted(two)}"
        return code, found

    def database(self, change, what, checkpoint="", certificate=""):
        """change(connection) makes the difference."""
        db = sqlite3.connect(":memory:", isolation_level=None)
        db.deserialize(self.base)
        db.text_factory = lambda text: text.decode(errors="replace")
        db.execute("PRAGMA ignore_check_constraints = ON")
        for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        wanted = change(db)
        path = self.folder / "changed.db"
        path.write_bytes(db.serialize())
        db.close()
        code, found = self.both(path, what, checkpoint, certificate)
        return code, found, wanted


# --- what can be done to a database ---


def flip(data, rng):
    data = bytearray(data)
    bit = rng.randrange(len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    return bytes(data)


def pick(db, sql, rng):
    rows = db.execute(sql).fetchall()
    return rng.choice(rows)


def other(value, rng):
    """A value of the same type that is another."""
    if isinstance(value, int):
        return value + rng.choice([1, 1000, -value - 1 if value > 0 else 7])
    if isinstance(value, bytes):
        return flip(value, rng)
    if not value:
        return "x"
    at = rng.randrange(len(value))
    return value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]


def change_column(table, column, where="1"):
    def change(db, rng):
        row, value = pick(db, f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL AND {where}", rng)
        db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (other(value, rng), row))

    return change


def event_column(column):
    def change(db, rng):
        n, value = pick(db, f"SELECT n, {column} FROM audit_events WHERE {column} IS NOT NULL", rng)
        db.execute(f"UPDATE audit_events SET {column} = ? WHERE n = ?", (other(value, rng), n))
        return f"altered event {n}"

    return change


def event_body(db, rng):
    n, body = pick(db, "SELECT n, CAST(body AS BLOB) FROM audit_events", rng)
    db.execute("UPDATE audit_events SET body = CAST(? AS TEXT) WHERE n = ?", (flip(body, rng), n))
    return f"event {n}"


def event_null(db, rng):
    n, column = pick(db, "SELECT n, 'job' FROM audit_events WHERE job IS NOT NULL"
                         " UNION SELECT n, 'imei' FROM audit_events WHERE imei IS NOT NULL", rng)
    db.execute(f"UPDATE audit_events SET {column} = NULL WHERE n = ?", (n,))
    return f"altered event {n}"


def event_gone(db, rng):
    n, = pick(db, "SELECT n FROM audit_events WHERE n < (SELECT n FROM audit_head)", rng)
    db.execute("DELETE FROM audit_events WHERE n = ?", (n,))
    return f"missing event {n}"


def cut_off(db, rng):
    last, = pick(db, "SELECT n FROM audit_head", rng)
    first = rng.randrange(1, last + 1)
    db.execute("DELETE FROM audit_events WHERE n >= ?", (first,))
    return f"missing {av.events_words(first, last)}"


def head_to(db, n):
    """The head as if event n were the last."""
    tree = av.Frontier()
    for body, in db.execute("SELECT CAST(body AS BLOB) FROM audit_events WHERE n <= ? ORDER BY n", (n,)):
        tree.add(av.leaf_hash(body))
    digest, = db.execute("SELECT hash FROM audit_events WHERE n = ?", (n,)).fetchone()
    db.execute("UPDATE audit_head SET n = ?, hash = ?, frontier = ?", (n, digest, b"".join(tree.hashes)))


def cut_off_cleverly(db, rng):
    last, = pick(db, "SELECT max(n) FROM audit_checkpoints", rng)
    n = rng.randrange(1, last)
    db.execute("DELETE FROM audit_events WHERE n > ?", (n,))
    head_to(db, n)
    return f"missing checkpoint {last}"


def swap_events(db, rng):
    (a, *one), (b, *two) = rng.sample(
        db.execute("SELECT n, type, job, imei, time_us, body, hash FROM audit_events").fetchall(), 2)
    sql = "UPDATE audit_events SET type = ?, job = ?, imei = ?, time_us = ?, body = ?, hash = ? WHERE n = ?"
    db.execute(sql, (*two, a))
    db.execute(sql, (*one, b))
    return f"moved event {a}"


def swap_bodies(db, rng):
    (a, one), (b, two) = rng.sample(db.execute("SELECT n, body FROM audit_events").fetchall(), 2)
    db.execute("UPDATE audit_events SET body = ? WHERE n = ?", (two, a))
    db.execute("UPDATE audit_events SET body = ? WHERE n = ?", (one, b))
    return f"moved event {b}"


def insert_event(db, rng):
    n, = pick(db, "SELECT n FROM audit_events", rng)
    db.execute("UPDATE audit_events SET n = -n - 1 WHERE n >= ?", (n,))
    db.execute("UPDATE audit_events SET n = -n WHERE n < 0")
    source, = pick(db, "SELECT n FROM audit_events", rng)
    db.execute("INSERT INTO audit_events (n, type, job, imei, time_us, body, hash)"
               " SELECT ?, type, job, imei, time_us, body, hash FROM audit_events WHERE n = ?", (n, source))


def append_event(db, rng):
    n, = db.execute("SELECT max(n) + 1 FROM audit_events").fetchone()
    db.execute("INSERT INTO audit_events (n, type, job, imei, time_us, body, hash)"
               " SELECT ?, type, job, imei, time_us, body, hash FROM audit_events WHERE n = ?", (n, n - 1))
    return f"added event {n}"


def rechain(db, first):
    """What a forger without the key can do: everything follows again."""
    digest = bytes(32) if first == 1 else db.execute("SELECT hash FROM audit_events WHERE n = ?",
                                                     (first - 1,)).fetchone()[0]
    last = first
    for n, body in db.execute("SELECT n, CAST(body AS BLOB) FROM audit_events WHERE n >= ? ORDER BY n",
                              (first,)).fetchall():
        digest, last = av.sha256(digest + body), n
        db.execute("UPDATE audit_events SET hash = ? WHERE n = ?", (digest, n))
    head_to(db, last)


def forge_event(db, rng):
    through, = db.execute("SELECT max(n) FROM audit_checkpoints").fetchone()
    n, body = pick(db, f"SELECT n, CAST(body AS BLOB) FROM audit_events WHERE n <= {through}", rng)
    event = json.loads(body)
    event["salt"] = other(event["salt"], rng)
    db.execute("UPDATE audit_events SET body = ? WHERE n = ?", (av.canonical(event).decode(), n))
    rechain(db, n)


def forge_job(db, rng):
    """The record, its event and all that follows from it."""
    through, = db.execute("SELECT max(n) FROM audit_checkpoints").fetchone()
    n, body = pick(db, f"SELECT n, CAST(body AS BLOB) FROM audit_events WHERE type = 'job-end' AND n < {through}", rng)
    event = json.loads(body)
    event["data"]["record"]["slot"] = "99"
    db.execute("UPDATE jobs SET slot = '99' WHERE id = ?", (event["job"],))
    db.execute("UPDATE audit_events SET body = ? WHERE n = ?", (av.canonical(event).decode(), n))
    rechain(db, n)


def forge_deletion(db, rng):
    """An event less, and all others have other numbers."""
    through, = db.execute("SELECT max(n) FROM audit_checkpoints").fetchone()
    gone = rng.randrange(2, through + 1)
    db.execute("DELETE FROM audit_events WHERE n = ?", (gone,))
    for n, body in db.execute("SELECT n, CAST(body AS BLOB) FROM audit_events WHERE n > ? ORDER BY n",
                              (gone,)).fetchall():
        event = json.loads(body)
        event["n"] = n - 1
        db.execute("UPDATE audit_events SET n = ?, body = ? WHERE n = ?", (n - 1, av.canonical(event).decode(), n))
    rechain(db, gone)


def forge_checkpoint(db, rng):
    """Also the checkpoints, which only the key could sign."""
    forge_event(db, rng)
    tree, digest = av.Frontier(), b""
    bodies = db.execute("SELECT n, CAST(body AS BLOB), hash FROM audit_events ORDER BY n").fetchall()
    for n, body, digest in bodies:
        tree.add(av.leaf_hash(body))
        row = db.execute("SELECT body FROM audit_checkpoints WHERE n = ?", (n,)).fetchone()
        if row:
            checkpoint = json.loads(row[0])
            checkpoint.update(hash=digest.hex(), root=tree.root().hex())
            db.execute("UPDATE audit_checkpoints SET body = ? WHERE n = ?", (av.canonical(checkpoint).decode(), n))


def old_number(table, count):
    return f"rowid > (SELECT json_extract(body, '$.data.{count}') FROM audit_events WHERE n = 1)"


def delete_row(table, where="1"):
    def change(db, rng):
        row, = pick(db, f"SELECT rowid FROM {table} WHERE {where}", rng)
        db.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))

    return change


def copy_job(db, rng):
    columns = [c[1] for c in db.execute("PRAGMA table_info(jobs)") if c[1] not in ("number", "id")]
    names = ",".join(columns)
    db.execute(f"INSERT INTO jobs (id, {names}) SELECT ?, {names} FROM jobs WHERE outcome = 'FAIL' LIMIT 1",
               ("%08x-fake" % rng.randrange(2**32),))


def copy_act(db, rng):
    row, = pick(db, "SELECT number FROM acts", rng)
    db.execute("INSERT INTO acts (time_us, who, role, what, subject, reason)"
               " SELECT time_us, who, role, what, subject, reason FROM acts WHERE number = ?", (row,))


def copy_registration(db, rng):
    db.execute("INSERT INTO registration SELECT device || '9', registered, policy, firmware, parameters, version,"
               " connections FROM registration LIMIT 1")


def fewer_connections(db, rng):
    """They may be more than were told of; never fewer."""
    row, device, told = pick(db, "SELECT rowid, device, (SELECT max(body ->> '$.data.message.connections') FROM"
                                 " audit_events WHERE body ->> '$.data.message.device' = device) AS told FROM"
                                 " registration WHERE told > 0", rng)
    db.execute("UPDATE registration SET connections = ? WHERE rowid = ?", (rng.randrange(told), row))
    return f"altered registration {device}"


def copy_certificate(db, rng):
    der = b"%d" % rng.randrange(2**64)
    columns = [c[1] for c in db.execute("PRAGMA table_info(certificates)")]
    names = ",".join(c for c in columns if c not in ("number", "sha256", "der", "serial", "superseded_us", "status"))
    db.execute("DROP INDEX certificates_live")
    db.execute(f"INSERT INTO certificates (sha256, der, serial, superseded_us, {names}) SELECT ?, ?, ?, superseded_us,"
               f" {names} FROM certificates LIMIT 1", (av.sha256(der).hex(), der, "%x" % rng.randrange(2**64)))


def step_column(column):
    def change(db, rng):
        job, position, value = pick(db, f"SELECT job, position, {column} FROM steps WHERE {column} IS NOT NULL"
                                        f" AND job IN (SELECT id FROM jobs WHERE {TOLD_JOBS})", rng)
        db.execute(f"UPDATE steps SET {column} = ? WHERE job = ? AND position = ?", (other(value, rng), job, position))
        return f"altered job {job}"

    return change


def drop_step(db, rng):
    job, position = pick(db, f"SELECT job, position FROM steps WHERE job IN (SELECT id FROM jobs WHERE {TOLD_JOBS})",
                         rng)
    db.execute("DELETE FROM steps WHERE job = ? AND position = ?", (job, position))
    return f"altered job {job}"


def one_more_step(db, rng):
    job, = pick(db, f"SELECT id FROM jobs WHERE {TOLD_JOBS}", rng)
    db.execute("INSERT INTO steps SELECT job, position + 10, step, attempt, outcome, code, detail, start_us,"
               " duration_us, device_us, store_us FROM steps WHERE job = ? LIMIT 1", (job,))
    return f"altered job {job}"


def transcript(db, rng):
    job, text = pick(db, f"SELECT job, text FROM transcripts WHERE job IN (SELECT id FROM jobs WHERE {TOLD_JOBS})",
                     rng)
    db.execute("UPDATE transcripts SET text = ? WHERE job = ?", (other(text, rng), job))
    return f"altered job {job}"


def transcript_gone(db, rng):
    job, = pick(db, f"SELECT job FROM transcripts WHERE job IN (SELECT id FROM jobs WHERE {TOLD_JOBS})", rng)
    db.execute("DELETE FROM transcripts WHERE job = ?", (job,))
    return f"altered job {job}"


def unrevoke(db, rng):
    sha, = pick(db, "SELECT sha256 FROM certificates WHERE revoked_us IS NOT NULL", rng)
    db.execute("UPDATE certificates SET revoked_us = NULL, revoke_reason = NULL WHERE sha256 = ?", (sha,))
    return f"missing certificate {sha}"


def revoke(db, rng):
    sha, = pick(db, f"SELECT sha256 FROM certificates WHERE revoked_us IS NULL AND {TOLD_CERTIFICATES}", rng)
    db.execute("UPDATE certificates SET revoked_us = 5, revoke_reason = 'x' WHERE sha256 = ?", (sha,))
    return f"added certificate {sha}"


def checkpoint_gone(db, rng):
    n, = pick(db, "SELECT n FROM audit_checkpoints", rng)
    db.execute("DELETE FROM audit_checkpoints WHERE n = ?", (n,))
    return f"missing checkpoint {n}"


def checkpoint_body(db, rng):
    n, body = pick(db, "SELECT n, CAST(body AS BLOB) FROM audit_checkpoints", rng)
    db.execute("UPDATE audit_checkpoints SET body = CAST(? AS TEXT) WHERE n = ?", (flip(body, rng), n))


def checkpoint_signature(db, rng):
    n, signature = pick(db, "SELECT n, signature FROM audit_checkpoints", rng)
    db.execute("UPDATE audit_checkpoints SET signature = ? WHERE n = ?", (other(signature, rng), n))
    return f"signature checkpoint {n}"


def checkpoints_swapped(db, rng):
    (a, *one), (b, *two) = rng.sample(db.execute("SELECT n, body, signature FROM audit_checkpoints").fetchall(), 2)
    db.execute("UPDATE audit_checkpoints SET body = ?, signature = ? WHERE n = ?", (*two, a))
    db.execute("UPDATE audit_checkpoints SET body = ?, signature = ? WHERE n = ?", (*one, b))
    return f"moved checkpoint {a}"


def journal_gone(db, rng):
    for table in ("periods", "checkpoints", "events", "head"):
        db.execute(f"DELETE FROM audit_{table}")
    return "missing journal"


TOLD_JOBS = old_number("jobs", "jobs")
TOLD_CERTIFICATES = old_number("certificates", "certificates")
TOLD_ROWS = old_number("registration", "registrations")
TOLD_ACTS = old_number("acts", "acts")

DATABASE = {
    "an event's body": event_body,
    "an event's column to NULL": event_null,
    "an event is gone": event_gone,
    "cut off": cut_off,
    "cut off cleverly": cut_off_cleverly,
    "events swapped": swap_events,
    "bodies swapped": swap_bodies,
    "an event inserted": insert_event,
    "an event appended": append_event,
    "a forged event": forge_event,
    "a forged job": forge_job,
    "a forged deletion": forge_deletion,
    "a forged checkpoint": forge_checkpoint,
    "a job is gone": delete_row("jobs", TOLD_JOBS),
    "a job more": copy_job,
    "a step less": drop_step,
    "a step more": one_more_step,
    "a transcript": transcript,
    "a transcript is gone": transcript_gone,
    "a certificate is gone": delete_row("certificates", TOLD_CERTIFICATES),
    "a certificate more": copy_certificate,
    "a revocation is gone": unrevoke,
    "a revocation more": revoke,
    "an act is gone": delete_row("acts", TOLD_ACTS),
    "an act more": copy_act,
    "a row is gone": delete_row("registration", TOLD_ROWS),
    "a row more": copy_registration,
    "connections fewer": fewer_connections,
    "a checkpoint is gone": checkpoint_gone,
    "a checkpoint's body": checkpoint_body,
    "a checkpoint's signature": checkpoint_signature,
    "checkpoints swapped": checkpoints_swapped,
    "the head is gone": delete_row("audit_head"),
    "the journal is gone": journal_gone,
}
DATABASE.update({f"audit_events.{c}": event_column(c) for c in ("type", "job", "imei", "time_us", "hash")})
DATABASE.update({f"audit_head.{c}": change_column("audit_head", c) for c in ("journal", "n", "hash", "frontier")})
DATABASE.update({f"jobs.{c}": change_column("jobs", c, TOLD_JOBS) for c in av.JOB if c not in (
    "batch", "operator", "work_order", "label", "reprovision_reason")})
DATABASE.update({f"steps.{c}": step_column(c) for c in av.STEP})
DATABASE.update({f"certificates.{c}": change_column("certificates", c, TOLD_CERTIFICATES)
                 for c in av.CERTIFICATE + ["imei", "job", "der", "supersede_reason", "revoke_reason"]})
DATABASE.update({f"registration.{c}": change_column("registration", c, TOLD_ROWS) for c in av.REGISTRATION
                 if c != "connections"})
DATABASE.update({f"acts.{c}": change_column("acts", c, TOLD_ACTS) for c in av.ACT})


def test_databases(rig, rng):
    for name, change in some(list(DATABASE.items()), rng):
        for _ in range(DATABASE_TIMES if "." not in name else min(DATABASE_TIMES, 2)):
            code, found, wanted = rig.database(lambda db: change(db, rng), name)
            assert code == 1, f"{name}: {code}"
            assert wanted is None or any(wanted in place for place in found), f"{name}: {wanted} not in {found}"


def test_odd_events(rig, rng):
    """Events that follow and are none of the station's: of any type, with anything in them."""
    names = ["certificate", "certificate_sha256", "connections", "device", "format", "journal", "manifest_sha256",
             "message", "n", "reason", "row_sha256", "sha256", "station", "supersede_reason", "supersedes", "through",
             "version"]
    types = ["job-end", "issue", "revoke", "register", "act", "checkpoint", "period-closed", "audit-key", "activation",
             "other"]
    values = [[], {"a": [5]}, 5, True, "", "x", None]
    for type_, value in some(list(itertools.product(types, values)), rng):
        data = {} if value is None else {name: value for name in names if rng.random() < 0.8}
        code, found, _ = rig.database(lambda db: append(db, type_, data) and None, f"{type_} with {data}")
        whole = type_ == "other" or type_ == "activation" and "row_sha256" not in data
        assert code == (0 if whole else 1), f"{type_} with {data}: {found}"


def test_huge_value(rig, rng):
    """Nothing that the station keeps is nearly as long."""
    code, _, _ = rig.database(lambda db: db.execute("UPDATE acts SET subject = ? WHERE number = 1",
                                                    ("x" * (av.VALUE_MOST + 1),)) and None, "huge")
    assert code == 3


def test_doctored_tables(rig, rng):
    """A table without its keys may have two rows of one number."""
    for table, column in (("jobs", "slot"), ("acts", "reason"), ("certificates", "subject"), ("registration", "policy")):
        for changed in (False, True):
            def double(db):
                db.execute("PRAGMA legacy_alter_table = ON")
                db.execute(f"CREATE TABLE other AS SELECT * FROM {table}")
                db.execute(f"DROP TABLE {table}")
                db.execute(f"ALTER TABLE other RENAME TO {table}")
                last, = db.execute(f"SELECT max(rowid) FROM {table}").fetchone()
                columns = [c[1] for c in db.execute(f"PRAGMA table_info({table})")]
                names = ", ".join("'forged'" if changed and c == column else c for c in columns)
                db.execute(f"INSERT INTO {table} SELECT {names} FROM {table} WHERE rowid = ?", (last,))

            code, found, _ = rig.database(double, f"{table} twice, {changed}")
            assert code == 1, f"{table} twice, {changed}: {found}"


def test_database_file(rig, rng):
    """Anything at all in the file: never a crash, and one verdict."""
    path = rig.folder / "changed.db"
    for _ in range(FILE_TIMES // 2):
        data = bytearray(rig.base)
        for _ in range(rng.choice([1, 1, 10, 1000])):
            data[rng.randrange(100, len(data))] = rng.randrange(256)
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        path.write_bytes(data)
        c = rig.peer.ask(path)
        assert c["code"] in (0, 1, 3), c


def test_whole(rig, rng):
    for name in ("keyline.db", "all", "all.tar", "one", "one.tar", "proof.json"):
        for checkpoint in ("", rig.line):
            code, found = rig.both(rig.made / name, name, checkpoint, rig.station_pem)
            assert code == 0, f"{name}: {found}"
    assert rig.database(lambda db: None, "only the triggers are gone")[0] == 0
    more = rig.database(lambda db: db.execute("UPDATE registration SET connections = connections + 1") and None, "more")
    assert more[0] == 0, more


# --- from outside ---


def test_given_checkpoint(rig, rng):
    """A kept checkpoint shows what is consistent in itself."""
    given = json.loads(json.loads(rig.line)["body"])["n"]

    def cut(db):
        n = rng.randrange(20, given)
        db.execute("DELETE FROM audit_events WHERE n > ?", (n,))
        db.execute("DELETE FROM audit_checkpoints WHERE n >= ?", (n,))
        head_to(db, n)
        return f"missing events {n + 1}-{given}"

    def rewrite(db):
        forge_event(db, rng)
        db.execute("DELETE FROM audit_checkpoints")

    for change in (cut, rewrite):
        code, found, wanted = rig.database(change, change.__name__, rig.line)
        assert code == 1 and (wanted is None or wanted in found), found
    assert rig.both(rig.made / "all", "none", "{}")[0] == 2


def test_foreign_key(rig, rng):
    """A forger with a key of his own: only the certificate from outside shows it."""
    key, pem = rig.folder / "key.pem", rig.folder / "pem.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", pem, "-subj", "/CN=Test line"], check=True, capture_output=True)
    mine = av.fingerprint(pem.read_text())

    def forge(db):
        n, body = db.execute("SELECT n, CAST(body AS BLOB) FROM audit_events WHERE type = 'audit-key'").fetchone()
        event = json.loads(body)
        event["data"].update(certificate=pem.read_text(), certificate_sha256=mine)
        db.execute("UPDATE audit_events SET body = ? WHERE n = ?", (av.canonical(event).decode(), n))
        for at, in db.execute("SELECT n FROM audit_checkpoints ORDER BY n").fetchall():
            resign(db, at)
        rechain(db, 1)
        return f"signature event {n}"

    def resign(db, at):
        rechain(db, 1)
        tree = av.Frontier()
        for body, in db.execute("SELECT CAST(body AS BLOB) FROM audit_events WHERE n <= ? ORDER BY n", (at,)):
            tree.add(av.leaf_hash(body))
        digest, = db.execute("SELECT hash FROM audit_events WHERE n = ?", (at,)).fetchone()
        body, = db.execute("SELECT body FROM audit_checkpoints WHERE n = ?", (at,)).fetchone()
        checkpoint = json.loads(body)
        checkpoint.update(certificate_sha256=mine, hash=digest.hex(), root=tree.root().hex())
        body = av.canonical(checkpoint)
        db.execute("UPDATE audit_checkpoints SET body = ?, signature = ? WHERE n = ?",
                   (body.decode(), sign(key, body), at))
        n, event = db.execute("SELECT n, CAST(body AS BLOB) FROM audit_events WHERE type = 'checkpoint'"
                              " AND n > ? ORDER BY n LIMIT 1", (at,)).fetchone()
        event = json.loads(event)
        event["data"]["sha256"] = av.sha256(body).hex()
        db.execute("UPDATE audit_events SET body = ? WHERE n = ?", (av.canonical(event).decode(), n))

    assert rig.database(forge, "a foreign key, trusted")[0] == 0
    code, found, wanted = rig.database(forge, "a foreign key", certificate=rig.station_pem)
    assert code == 1 and wanted in found, found

    def lend(db):
        """Signs as long as he needs it, and then names the station's certificate again."""
        data = json.loads(db.execute("SELECT body FROM audit_events WHERE type = 'audit-key'").fetchone()[0])["data"]
        append(db, "audit-key", {**data, "certificate": pem.read_text(), "certificate_sha256": mine})
        append(db, "doctor", {"findings": []})
        seal(db, key, mine)
        return f"signature event {append(db, 'audit-key', data)}"

    for certificate in ("", rig.station_pem):
        code, found, wanted = rig.database(lend, "a lent key", certificate=certificate)
        assert code == 1 and found == [wanted], found

    def begin_again(db):
        """Another journal, which names the station's certificate and has no checkpoint."""
        db.execute("DELETE FROM audit_checkpoints")
        db.execute("DELETE FROM audit_events WHERE type = 'checkpoint' OR n > 20")
        for n, (old, body) in enumerate(db.execute("SELECT n, body FROM audit_events ORDER BY n").fetchall(), 1):
            body = av.canonical({**json.loads(body), "n": n}).decode()
            db.execute("UPDATE audit_events SET n = ?, body = ? WHERE n = ?", (n, body, old))
        rechain(db, 1)
        return "signature event 2"

    assert "signature event 2" not in rig.database(begin_again, "begun again, alone")[1]
    code, found, wanted = rig.database(begin_again, "begun again", certificate=rig.station_pem)
    assert code == 1 and wanted in found, found


def test_closed_period(rig, rng):
    """What came before a period's end may be pruned, and what is left is still checked."""
    def close(db, prune, signed=True):
        through, = db.execute("SELECT n FROM audit_checkpoints ORDER BY n LIMIT 1 OFFSET 1").fetchone()
        kept, = db.execute("SELECT hash FROM audit_events WHERE n = ?", (through,)).fetchone()
        key = json.loads(db.execute("SELECT body FROM audit_events WHERE type = 'audit-key'").fetchone()[0])["data"]
        counts = {count: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for count, table in (
            ("jobs", "jobs WHERE outcome <> 'RUNNING'"), ("certificates", "certificates"), ("registrations", "registration"), ("acts", "acts"))}
        append(db, "period-closed", {"through": through, "manifest_sha256": "a" * 64, **counts})
        append(db, "audit-key", key)
        tree = av.Frontier()
        for body, in db.execute("SELECT CAST(body AS BLOB) FROM audit_events WHERE n <= ? ORDER BY n", (through,)):
            tree.add(av.leaf_hash(body))
        db.execute("INSERT INTO audit_periods (through, hash, frontier, manifest_sha256, closed_us)"
                   " VALUES (?, ?, ?, ?, 5)", (through, kept, b"".join(tree.hashes), "a" * 64))
        if prune:
            db.execute("DELETE FROM audit_events WHERE n <= ?", (through,))
        if signed:
            seal(db, rig.station_key, rig.station)
        return f"signature period {through}"

    def and_then(change, prune=True):
        def both(db):
            close(db, prune)
            return change(db, rng)

        return both

    for prune in (True, False):
        code, found, _ = rig.database(lambda db: close(db, prune), "closed")
        assert code == 0, found
        code, found, wanted = rig.database(lambda db: close(db, prune, False), "closed by anybody")
        assert code == 1 and wanted in found, found
    for column in ("through", "hash", "frontier", "manifest_sha256"):
        assert rig.database(and_then(change_column("audit_periods", column)), column)[0] == 1, column
    for name in ("an event's body", "an event is gone", "events swapped", "a job more", "an act more", "a row more", "a certificate more"):
        for _ in range(DATABASE_TIMES):
            assert rig.database(and_then(DATABASE[name]), f"closed, {name}")[0] == 1, name


# --- files ---


def change_lines(data, rng):
    lines = data.split(b"\n")[:-1]
    if not lines:
        return data + b"x\n"
    at = rng.randrange(len(lines))
    way = rng.randrange(4)
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(rng.randrange(len(lines) + 1), lines[at])
    elif way == 2 and len(lines) > 1 and lines[at] != lines[at - 1]:
        lines[at], lines[at - 1] = lines[at - 1], lines[at]
    else:
        lines[at] = flip(lines[at], rng)
    return b"".join(line + b"\n" for line in lines)


def change_bytes(data, rng):
    way = rng.randrange(5)
    if way < 2 and data:
        return flip(data, rng)
    if way == 2 and data:
        return data[: rng.randrange(len(data))]
    if way == 3:
        at = rng.randrange(len(data) + 1)
        return data[:at] + bytes([rng.randrange(256)]) + data[at:]
    return change_lines(data, rng)


def still_signs(rig, export, cms):
    """A CMS signature has bits that nothing depends on."""
    return av.detached_good(rig.station_pem.read_text(), (rig.made / export / "manifest.json").read_bytes(), cms)


def test_exports(rig, rng):
    for times, name in ((FILE_TIMES, "all"), (FILE_TIMES // 2, "one")):
        path = rig.folder / name
        shutil.copytree(rig.made / name, path)
        files = sorted(file.name for file in path.iterdir())
        for _ in range(times):
            file = path / rng.choice(files)
            old = file.read_bytes()
            new = change_bytes(old, rng)
            if new == old:
                continue
            file.write_bytes(new)
            code, found = rig.both(path, f"{name}/{file.name}")
            assert code == 1 or (file.name == "manifest.json.p7s" and still_signs(rig, name, new)), \
                f"{name}/{file.name}: {code}"
            file.write_bytes(old)
        for file in files:
            hidden = rig.folder / "aside"
            (path / file).rename(hidden)
            code, found = rig.both(path, f"{name} without {file}")
            assert code == 1 and f"missing file {file}" in found, f"{name} without {file}: {found}"
            hidden.rename(path / file)
        (path / "more.txt").write_bytes(b"")
        assert "added file more.txt" in rig.both(path, "a file more")[1]


def test_forged_export(rig, rng):
    """Everything but the signatures fits together again."""
    path = rig.folder / "forged"
    for _ in range(FILE_TIMES // 10):
        shutil.copytree(rig.made / "all", path)
        lines = (path / "events.jsonl").read_bytes().split(b"\n")[:-1]
        at = rng.randrange(len(lines))
        event = json.loads(lines[at])
        event["salt"] = other(event["salt"], rng)
        lines[at] = av.canonical(event)
        leaves = [b"%d %s\n" % (n, av.leaf_hash(line).hex().encode()) for n, line in enumerate(lines, 1)]
        (path / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        (path / "leaves.txt").write_bytes(b"".join(leaves))
        manifest = json.loads((path / "manifest.json").read_bytes())
        for file in manifest["files"]:
            data = (path / file["name"]).read_bytes()
            file.update(bytes=len(data), sha256=av.sha256(data).hex())
        (path / "manifest.json").write_bytes(av.canonical(manifest))
        code, found = rig.both(path, "forged")
        assert code == 1 and {"signature file manifest.json", "altered root"} <= set(found), found
        shutil.rmtree(path)


def test_transcripts(rig, rng):
    """A manifest that lists them as they are does not help: the job-end events say what they were."""
    path = rig.folder / "transcripts"
    for name in ("all", "one"):
        shutil.copytree(rig.made / name, path)
        base = (path / "transcripts.jsonl").read_bytes()
        count = base.count(b"\n")
        ends = [event["n"] for event in map(json.loads, (path / "events.jsonl").read_bytes().splitlines())
                if event["type"] == "job-end" and "transcript_sha256" in event["data"]]
        assert count == len(ends) > 0, f"{count} transcripts, {len(ends)} events"
        for _ in range(FILE_TIMES // 4):
            new = change_lines(base, rng) if rng.random() < 0.5 else change_bytes(base, rng)
            if new == base:
                continue
            (path / "transcripts.jsonl").write_bytes(new)
            manifest = json.loads((rig.made / name / "manifest.json").read_bytes())
            for file in manifest["files"]:
                if file["name"] == "transcripts.jsonl":
                    file.update(bytes=len(new), sha256=av.sha256(new).hex())
            (path / "manifest.json").write_bytes(av.canonical(manifest))
            code, found = rig.both(path, f"{name}'s transcripts")
            told = {f"{kind} transcript of event {n}" for kind in ("altered", "missing") for n in ends}
            assert code == 1 and set(found) & (told | {"added file transcripts.jsonl"}), f"{found}: {new!r}"
        shutil.rmtree(path)


def test_tars(rig, rng):
    path = rig.folder / "changed.tar"
    for name in ("all.tar", "one.tar"):
        base = (rig.made / name).read_bytes()
        for _ in range(FILE_TIMES):
            data = bytearray(base)
            way = rng.randrange(5)
            if way < 3:
                data = flip(data, rng)
            elif way == 3:
                del data[rng.randrange(len(data)) :]
            else:
                data += bytes([rng.randrange(1, 256)])
            path.write_bytes(data)
            code, found = rig.both(path, f"{name} {way}")
            files = av.read_tar(bytes(data), av.Findings()) if code == 0 else None
            assert code != 0 or (way < 3 and still_signs(rig, name[:-4], files["manifest.json.p7s"])), f"{name} {way}"


def test_proofs(rig, rng):
    path = rig.folder / "proof"
    base = (rig.made / "proof.json").read_bytes()
    proof = json.loads(base)
    for _ in range(2 * FILE_TIMES):
        data = change_bytes(base, rng) if rng.random() < 0.5 else flip(base, rng)
        if data.rstrip(b"\n") == base.rstrip(b"\n"):
            continue
        path.write_bytes(data)
        code, found = rig.both(path, "proof")
        assert code in (1, 3), data
    for _ in range(FILE_TIMES):
        new = json.loads(base)
        name = rng.choice(["events", "hidden"])
        way = rng.randrange(3)
        at = rng.randrange(len(new[name]))
        if way == 0:
            del new[name][at]
        elif way == 1:
            new[name].insert(rng.randrange(len(new[name])), new[name][at])
        else:
            new[name][at], new[name][at - 1] = new[name][at - 1], new[name][at]
        if new == proof:
            continue
        path.write_bytes(av.canonical(new))
        assert rig.both(path, f"proof's {name}, {way}")[0] == 1
    for identifier in ("350000000000006", "", "no such"):
        path.write_bytes(av.canonical({**proof, "identifier": identifier}))
        assert rig.both(path, "identifier")[1] == ["altered identifier"]


def test_others(rig, rng):
    path = rig.folder / "other"
    for data in (b"", b"hello", b"{}", b"\0" * 2000, b"SQLite format 3\0" + b"\0" * 500, b"SQLite format 3\0"):
        path.write_bytes(data)
        code, _ = rig.both(path, repr(data[:20]))
        assert code == (1 if data == b"{}" else 3), data[:20]
    assert rig.both(rig.folder / "nothing", "nothing")[0] == 3
    empty = rig.folder / "empty"
    empty.mkdir()
    assert rig.both(empty, "an empty folder")[0] == 3


def main():
    tests = {name[5:]: test for name, test in globals().items() if name.startswith("test_")}
    print(f"1..{len(tests)}\n# seed {SEED}", flush=True)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(folder)
        for number, (name, test) in enumerate(tests.items(), 1):
            try:
                test(rig, random.Random(f"{SEED} {name}"))
                print(f"ok {number} {name}", flush=True)
            except Exception:
                failed = True
                print(f"not ok {number} {name}", flush=True)
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
