"""A database's rows as the journal tells of them."""

from auditor.canonical import canonical, count_of, sha256


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
