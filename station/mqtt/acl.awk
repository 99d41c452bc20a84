# Turns NAME.acl files into the C texts that station/mqtt/acl.h declares.
BEGIN {
    print "/* Made by station/mqtt/acl.awk from packaging/mosquitto. */"
    print "#include \"station/mqtt/acl.h\""
}
FNR == 1 {
    if (NR > 1)
        print "    ;"
    name = FILENAME
    sub(/.*\//, "", name)
    sub(/\.acl$/, "", name)
    print "\nconst char kl_acl_" name "[] ="
}
{
    gsub(/[\\"]/, "\\\\&")
    print "    \"" $0 "\\n\""
}
END {
    print "    ;"
}
