#include "station/activation/software.h"

#include <string.h>

#include "station/error.h"

#define BUCKET_MIN 3
#define BUCKET_MAX 63
#define FILE_MAX 1024
#define SIGNATURE_MIN 8 /* bytes; one of P-256 in DER has 8 to 72 */
#define SIGNATURE_MAX 128

void
kl_software_entry_clear(KlSoftwareEntry *entry)
{
    g_clear_pointer(&entry->bucket, g_free);
    g_clear_pointer(&entry->file, g_free);
    g_clear_pointer(&entry->signature, g_free);
}

static gboolean
is_bucket(const char *text)
{
    gsize length = text != NULL ? strlen(text) : 0;
    if (length < BUCKET_MIN || length > BUCKET_MAX || !(g_ascii_islower(text[0]) || g_ascii_isdigit(text[0])))
        return FALSE;
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") == length;
}

static gboolean
is_file(const char *text)
{
    gsize length = text != NULL ? strlen(text) : 0;
    if (length == 0 || length > FILE_MAX)
        return FALSE;
    g_auto(GStrv) parts = g_strsplit(text, "/", -1);
    for (guint i = 0; parts[i] != NULL; i++) {
        if (g_str_equal(parts[i], "") || g_str_equal(parts[i], ".") || g_str_equal(parts[i], ".."))
            return FALSE;
    }
    return TRUE;
}

/* Strictly: it goes to the unit as it is, inside of JSON. */
static gboolean
is_signature(const char *text)
{
    if (text == NULL || text[0] == '\0')
        return FALSE;
    gsize length = 0;
    g_autofree guchar *bytes = g_base64_decode(text, &length);
    g_autofree char *again = g_base64_encode(bytes, length);
    return g_str_equal(again, text) && length >= SIGNATURE_MIN && length <= SIGNATURE_MAX;
}

gboolean
kl_software_entry_check(const KlSoftwareEntry *entry, GError **error)
{
    if (!is_bucket(entry->bucket))
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "the software's bucket is no name of a bucket");
    if (!is_file(entry->file))
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "the software's file is no path within its bucket");
    if (entry->version < 0 || entry->version > KL_ACTIVATION_VERSION_MAX)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "the software's version is no whole number from 0 to 2^53 - 1");
    if (!is_signature(entry->signature))
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "the software's signature is no Base64 of one");
    return TRUE;
}
