"""An export: a folder or a tar file."""

import os
import pathlib
import re

from auditor.canonical import hash_of, is_number, is_text, parse, sha256
from auditor.findings import Unreadable, Usage
from auditor.shown import check_shown
from auditor.signed import Checkpoint, detached_good, fingerprint


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
