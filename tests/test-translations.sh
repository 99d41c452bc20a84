#!/usr/bin/env bash
# Every word that people read is translated into every language, with the same format directives.
# test-translations.sh SOURCE-ROOT BUILD-DIR XGETTEXT-OPTION...
set -euo pipefail
root=$1 build=$2/translations
shift 2
mkdir -p "$build"
cd "$root"

tests=0 status=0
# report NAME LOG: ok when LOG is empty.
report() {
    tests=$((tests + 1))
    if [ -s "$2" ]; then
        status=1
        echo "not ok $tests - $1"
        sed 's/^/# /' "$2"
    else
        echo "ok $tests - $1"
    fi
}

# Files that have words to translate and are not searched for them.
grep -v '^#' po/POTFILES.in | sort >"$build/listed"
grep -rlE --include='*.c' --include='*.def' '\b(_|N_|C_|NC_|gettext|ngettext)\("' gui station >"$build/marked"
grep -rlE --include='*.ui' 'translatable="(yes|true)"' gui >>"$build/marked"
find gui/data -name '*.in' >>"$build/marked"
sort -u -o "$build/marked" "$build/marked"
comm -3 "$build/listed" "$build/marked" | sed -E 's/^\t(.*)/\1: not in po\/POTFILES.in/; t; s/$/: in po\/POTFILES.in, but has nothing to translate/' >"$build/files.log"
report "every file with words is listed" "$build/files.log"

# xgettext takes error.def for C, reads .ui files by its own rules, and says so.
xgettext "$@" --files-from="$build/listed" --output="$build/keyline.pot" 2>&1 | grep -vE "extension 'def' is unknown|fallback ITS rule file" >"$build/extract.log" || true
report "the words are found" "$build/extract.log"

for language in $(grep -v '^#' po/LINGUAS); do
    merged=$build/$language.po
    msgmerge --quiet --no-fuzzy-matching --output-file="$merged" "po/$language.po" "$build/keyline.pot"
    msgattrib --untranslated --no-wrap --no-obsolete "$merged" | grep -E '^msg(id|ctxt)' | grep -v '^msgid ""$' >"$build/missing.log" || true
    report "$language: nothing is untranslated" "$build/missing.log"
    msgattrib --only-fuzzy --no-wrap --no-obsolete "$merged" | grep '^msgid' >"$build/fuzzy.log" || true
    report "$language: nothing is fuzzy" "$build/fuzzy.log"
    msgfmt --check --check-accelerators=_ --output-file=/dev/null "$merged" 2>"$build/format.log" || true
    report "$language: format directives and mnemonics agree" "$build/format.log"
done
echo "1..$tests"
exit "$status"
