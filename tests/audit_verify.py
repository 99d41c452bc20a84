#!/usr/bin/env python3
"""Checks a Keyline journal without Keyline: a station's database, an export (a folder or a tar file) or a proof, by
db/AUDIT-FORMAT.md. Python's standard library and the openssl command, nothing else.

audit_verify.py [--output json] [--checkpoint FILE] [--station-certificate FILE] DB|EXPORT|PROOF
Exit code 0: whole, 1: findings, 2: wrong usage, 3: it can't be read."""

import argparse
import json
import pathlib
import sys

sys.dont_write_bytecode = True

from auditor import Options, Unreadable, Usage, verify  # noqa: E402

TOLD_MOST = 100


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
