#!/usr/bin/env bash
# A hub of 64 units on the rigged USB bus, worked on by one command: every one of them passes, each in its own place.
# test-hub-batch.sh KEYLINE KEYLINE-SIM
set -euo pipefail
keyline=$1 sim=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
(umask 077 && echo 'a passphrase for one test' >"$dir/passphrase")
export KEYLINE_STATION=$dir/station

# What is run on the bus: from an empty station to the batch's document.
cat >"$dir/work" <<'TEXT'
set -euo pipefail
keyline=$1 dir=$2
"$keyline" setup --name hub --line "$dir/line.conf" >/dev/null
"$keyline" ca init --name "Test CA" --passphrase-file "$dir/passphrase" >/dev/null
"$keyline" batch --count 64 --passphrase-file "$dir/passphrase" --output json >"$dir/batch.json" 2>"$dir/progress"
TEXT

number=0
# check WHAT ANSWER EXPECTED
check() {
    number=$((number + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $number - $1"
    else
        echo "# $2, not $3"
        echo "not ok $number - $1"
    fi
}
sql() {
    env -u LD_PRELOAD sqlite3 -readonly "$KEYLINE_STATION/keyline.db" "$1"
}

echo "1..5"
status=0
"$sim" --hub 8x8 --dir "$dir/units" --line "$dir/line.conf" --speed fast -- bash "$dir/work" "$keyline" "$dir" >&2 || status=$?
[ "$status" = 0 ] || sed 's/^/# /' "$dir/progress" || true
check "the command says that all passed" "$status" 0
check "64 units, each once, all PASS" "$(sql "SELECT count(*), count(DISTINCT imei), min(outcome), max(outcome) FROM jobs")" "64|64|PASS|PASS"
check "each in a place of its own" "$(sql "SELECT count(DISTINCT slot), min(slot), max(slot) FROM jobs")" "64|A01|A64"
check "one batch" "$(sql "SELECT count(DISTINCT batch) FROM jobs WHERE batch IS NOT NULL")" 1
check "the countdown comes to its end" "$(grep -c '^64 of 64 done, 0 left, 0 running$' "$dir/progress")" 1
