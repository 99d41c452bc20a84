# Turns numbered migrations (001.sql 002.sql ...) into the C table that db/migrate.h declares.
BEGIN {
    print "/* Made by db/embed.awk from db/schema. */"
    print "#include \"db/migrate.h\"\n"
    print "const KlMigration kl_migrations[] = {"
}
FNR == 1 {
    if (NR > 1)
        print "    },"
    number = FILENAME
    sub(/.*\//, "", number)
    sub(/\.sql$/, "", number)
    print "    {" number + 0 ","
}
{
    gsub(/\\/, "&&")
    gsub(/"/, "\\\\&")
    print "     \"" $0 "\\n\""
}
END {
    print "    },"
    print "};\n"
    print "const guint kl_migration_count = G_N_ELEMENTS(kl_migrations);"
}
