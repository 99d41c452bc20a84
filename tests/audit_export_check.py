#!/usr/bin/env python3
"""Holds an export against the database that it was made from, by brute force: the whole tree in memory, the selection by a
rule of its own. audit_export_check.py DATABASE EXPORT RULE [VALUE...]; says what is wrong, or how many events it saw."""
import hashlib
import json
import pathlib
import sqlite3
import subprocess
import sys
import tarfile
import tempfile


def sha(data):
    return hashlib.sha256(data).digest()


def half(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def tree(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = half(len(leaves))
    return sha(b"\1" + tree(leaves[:k]) + tree(leaves[k:]))


def hidden(leaves, first, chosen):
    """The lines of hidden.txt over these leaves, the first of which is that of event `first`."""
    if not any(first <= n < first + len(leaves) for n in chosen):
        return [tree(leaves).hex()]
    if len(leaves) == 1:
        return []
    k = half(len(leaves))
    return hidden(leaves[:k], first, chosen) + hidden(leaves[k:], first + k, chosen)


# Which events a rule means; jobs: what the jobs table says, by id.
def fits(rule, values, event, jobs):
    job = jobs.get(event.get("job"))
    if rule == "all":
        return True
    if rule == "work-order":
        units = {j["unit"] for j in jobs.values() if j["work_order"] == values[0]}
        return job["work_order"] == values[0] if job else "job" not in event and event.get("imei") in units
    if rule == "unit":
        return event.get("imei") == values[0] or (job is not None and job["imei"] == values[0])
    if rule == "time":
        moment = job["started_us"] if job else event["time_us"]
        return int(values[0]) <= moment < int(values[1])
    sys.exit(f"no rule {rule}")


def unpack(path):
    if path.is_dir():
        return path
    folder = tempfile.mkdtemp(prefix="keyline-export-")
    with tarfile.open(path) as tar:
        for member in tar:
            assert member.isfile() and member.uid == 0 and member.uname == "", member
            (pathlib.Path(folder) / pathlib.PurePosixPath(member.name).name).write_bytes(tar.extractfile(member).read())
    return pathlib.Path(folder)


def main():
    database, export, rule, *values = sys.argv[1:]
    folder = unpack(pathlib.Path(export))
    manifest_bytes = (folder / "manifest.json").read_bytes()
    manifest = json.loads(manifest_bytes)
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert canonical == manifest_bytes, "the manifest is not canonical"
    cms = subprocess.run(["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", folder / "manifest.json.p7s",
                          "-content", folder / "manifest.json", "-CAfile", folder / "station.pem", "-purpose", "any"],
                         capture_output=True, check=False)
    assert cms.returncode == 0, cms.stderr

    sums = "".join(f"{f['sha256']}  {f['name']}\n" for f in manifest["files"])
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet"], input=sums.encode(), cwd=folder, check=True)
    names = {f["name"] for f in manifest["files"]}
    there = {p.name for p in folder.iterdir()}
    assert there == names | {"manifest.json", "manifest.json.p7s"}, there ^ names
    assert all((folder / f["name"]).stat().st_size == f["bytes"] for f in manifest["files"])

    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    checkpoint = json.loads(manifest["checkpoint"]["body"])
    bodies = {n: body.encode() for n, body in
              db.execute("SELECT n, body FROM audit_events WHERE n <= ?", (checkpoint["n"],))}
    jobs = {row["id"]: dict(row) for row in db.execute("SELECT * FROM jobs")}
    leaves = [sha(b"\0" + bodies[n]) for n in range(1, checkpoint["n"] + 1)]
    assert tree(leaves).hex() == checkpoint["root"], "root"

    expected = [n for n in sorted(bodies) if fits(rule, values, json.loads(bodies[n]), jobs)]
    assert (folder / "events.jsonl").read_bytes() == b"".join(bodies[n] + b"\n" for n in expected), "events.jsonl"
    assert (folder / "leaves.txt").read_text() == "".join(f"{n} {leaves[n - 1].hex()}\n" for n in expected), "leaves.txt"
    assert (folder / "hidden.txt").read_text().split() == hidden(leaves, 1, expected), "hidden.txt"
    assert manifest["events"] == len(expected)

    ended = {json.loads(bodies[n])["job"] for n in expected if json.loads(bodies[n])["type"] == "job-end"}
    recorded = {line.split(",")[0] for line in (folder / "records.csv").read_text().splitlines()[1:]}
    assert ended == recorded, (ended, recorded)
    told = dict(db.execute("SELECT job, text FROM transcripts"))
    ends = [e for e in (json.loads(bodies[n]) for n in expected) if e["type"] == "job-end"]
    lines = [json.dumps({"job": e["job"], "text": told[e["job"]]}, separators=(",", ":"), ensure_ascii=False) + "\n"
             for e in ends if "transcript_sha256" in e["data"]]
    assert (folder / "transcripts.jsonl").read_text() == "".join(lines), "transcripts.jsonl"
    issued = {json.loads(bodies[n])["data"]["certificate_sha256"] for n in expected
              if json.loads(bodies[n])["type"] == "issue"}
    pem = (folder / "certificates.pem").read_text()
    assert pem.count("BEGIN CERTIFICATE") == len(issued), "certificates.pem"
    print(len(expected))


main()
