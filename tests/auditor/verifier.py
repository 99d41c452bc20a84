"""Whatever it is."""

import os
import pathlib
import sqlite3

from auditor.database import Database
from auditor.export import read_folder, read_tar, verify_export
from auditor.findings import Findings, Unreadable
from auditor.proof import verify_proof

VALUE_MOST = 64 << 20


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
