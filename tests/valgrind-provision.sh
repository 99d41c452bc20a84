#!/usr/bin/env bash
# One unit provisioned under valgrind: no error, no leak. valgrind-provision.sh KEYLINE KEYLINE-SIM
set -euo pipefail
keyline=$1 sim=$2
dir=$(mktemp -d)
cleanup() {
    kill "$SIM_PID" 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
coproc SIM { exec "$sim" --units 1 --dir "$dir/units" --line "$dir/line.conf" --speed fast --with-parent; }
read -r _ <&"${SIM[0]}"
(umask 077 && echo 'a passphrase for one test' >"$dir/passphrase")
"$keyline" --station "$dir/station" setup --name valgrind --line "$dir/line.conf" >/dev/null
"$keyline" --station "$dir/station" ca init --name "Test CA" --passphrase-file "$dir/passphrase" >/dev/null
# Under valgrind, trying the CA's passphrase as it is made would take more than all the rest: one that costs nothing to try.
(umask 077 && openssl pkcs8 -topk8 -scrypt -scrypt_N 16 -scrypt_r 8 -scrypt_p 1 -in "$dir/station/ca/ca.key" \
    -passin "file:$dir/passphrase" -passout "pass:$(cat "$dir/passphrase")" -out "$dir/ca.key")
mv "$dir/ca.key" "$dir/station/ca/ca.key"

echo "1..1"
if valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect --show-leak-kinds=definite,indirect \
    --log-file="$dir/valgrind.log" \
    "$keyline" --station "$dir/station" provision --slot 01 --passphrase-file "$dir/passphrase" >"$dir/out" 2>&1; then
    echo "ok 1 - valgrind has nothing to say"
else
    sed 's/^/# /' "$dir/valgrind.log" "$dir/out"
    echo "not ok 1 - valgrind has nothing to say"
    exit 1
fi
