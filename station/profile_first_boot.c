/* What a profile says of first boot: whom its units trust, and whether it is rehearsed. */
#include <stdio.h>
#include <string.h>

#include "station/error.h"
#include "station/profile_load.h"
#include "station/registration.h"

/* A file of at most so many bytes, as text; NULL with why. However long it is, no more of it is read. */
static char *
read_file(const char *path, gsize max, char **why)
{
    FILE *file = g_file_test(path, G_FILE_TEST_IS_REGULAR) ? fopen(path, "re") : NULL;
    if (file == NULL) {
        *why = g_strdup_printf("there is no file %s that can be read", path);
        return NULL;
    }
    g_autofree char *text = g_malloc0(max + 2);
    gsize length = fread(text, 1, max + 1, file);
    gboolean failed = ferror(file) != 0;
    fclose(file);
    if (!failed && length <= max && strlen(text) == length)
        return g_steal_pointer(&text);
    *why = g_strdup_printf("%s is no text of up to %u bytes", path, (guint)max);
    return NULL;
}

/* Whether these are CA certificates, the station tells, which knows X.509. */
gboolean
kl_profile_read_trust(KlProfile *profile, const KlReader *reader)
{
    g_autofree char *why = NULL;
    g_autofree char *file = kl_reader_text(reader, "install", "trust", NULL);
    if (file == NULL)
        return TRUE;
    g_autofree char *folder = g_path_get_dirname(reader->path);
    profile->trust_file = g_canonicalize_filename(file, folder);
    profile->trust = read_file(profile->trust_file, KL_TRUST_MAX, &why);
    return profile->trust != NULL || kl_keyfile_fail(KL_READER_AT(reader, "install", "trust"), "%s", why);
}

/* Brokers tell who may publish where by whole levels only. */
static gboolean
is_one_units(const char *topic)
{
    g_auto(GStrv) levels = g_strsplit(topic, "/", -1);
    gboolean found = FALSE;
    for (guint i = 0; levels[i] != NULL; i++) {
        if (strstr(levels[i], "DEVICE_ID") == NULL)
            continue;
        if (strcmp(levels[i], "DEVICE_ID") != 0)
            return FALSE;
        found = TRUE;
    }
    return found;
}

static gboolean
check_topic(const KlProfile *profile, const KlReader *reader)
{
    g_autofree char *topic = kl_parameters_topic(profile->parameters);
    if (topic == NULL || *topic == '\0' || strpbrk(topic, "+#") != NULL)
        return kl_keyfile_fail(KL_READER_AT(reader, "registration", "parameters"),
                               "[rehearsal] first-boot=true needs a \"topic\" in them, without + and #");
    if (profile->rehearsal_telemetry && !is_one_units(topic))
        return kl_keyfile_fail(KL_READER_AT(reader, "rehearsal", "telemetry"),
                               "true needs DEVICE_ID as a level of the parameters' \"topic\", \"a/DEVICE_ID/b\": "
                               "only then is it certain who published there");
    return TRUE;
}

gboolean
kl_profile_read_rehearsal(KlProfile *profile, const KlReader *reader)
{
    return kl_reader_boolean(reader, "rehearsal", "first-boot", FALSE, &profile->rehearse) &&
           kl_reader_number(reader, "rehearsal", "timeout-seconds", 60, 5, 300, &profile->rehearsal_seconds) &&
           kl_reader_number(reader, "rehearsal", "clock-tolerance", 24, 0, 8760, &profile->rehearsal_clock_hours) &&
           kl_reader_boolean(reader, "rehearsal", "telemetry", TRUE, &profile->rehearsal_telemetry) &&
           (!profile->rehearse || check_topic(profile, reader));
}
