"""Canonical JSON, hashes and events."""

import hashlib
import json
import re

NUMBER_MOST = 2**53 - 1
HEX64 = re.compile(r"[0-9a-f]{64}\Z")
NAME = re.compile(r"[a-z0-9_]+\Z")


def sha256(data):
    return hashlib.sha256(data).digest()


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


def hash_of(text):
    return bytes.fromhex(text) if isinstance(text, str) and HEX64.match(text) else None
