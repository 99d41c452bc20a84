#!/usr/bin/env bash
# One version: what meson.build says, all else says too. test-versions.sh SOURCE-ROOT VERSION PROGRAM...
set -euo pipefail
root=$1 version=$2
shift 2
number=0 status=0

# check WHAT FOUND EXPECTED
check() {
    number=$((number + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $number - $1"
    else
        status=1
        echo "# $2, not $3"
        echo "not ok $number - $1"
    fi
}

check "packaging/deb/changelog" "$(sed -n '1s/^keyline (\(.*\)-[^-]*) .*/\1/p' "$root/packaging/deb/changelog")" "$version"
check "CHANGELOG.md, the newest release" "$(sed -n 's/^## \[\([0-9].*\)\] - .*/\1/p' "$root/CHANGELOG.md" | head -n 1)" "$version"
check "AppStream, the newest release" \
    "$(sed -n 's/.*<release version="\([^"]*\)".*/\1/p' "$root/gui/data/org.keyline.Station.metainfo.xml.in" | head -n 1)" "$version"
for program; do
    name=$(basename "$program")
    # Without a display, too.
    check "$name --version" "$(env -u DISPLAY -u WAYLAND_DISPLAY "$program" --version | head -n 1 | cut -d ' ' -f 1-2)" "$name $version"
done
echo "1..$number"
exit "$status"
