#include "certs/subject.h"

#include <openssl/objects.h>
#include <string.h>

#include "certs/certificate_der.h"
#include "certs/openssl_error.h"
#include "station/profile.h"

#define MAX_PARTS 16

static const struct {
    const char *type;
    int nid;
} types[] = {
    {"CN", NID_commonName},
    {"O", NID_organizationName},
    {"OU", NID_organizationalUnitName},
    {"C", NID_countryName},
    {"L", NID_localityName},
    {"ST", NID_stateOrProvinceName},
    {"serialNumber", NID_serialNumber},
};

static int
type_nid(const char *type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
        if (strcmp(types[i].type, type) == 0)
            return types[i].nid;
    }
    return NID_undef;
}

/* Takes "TYPE=VALUE" off *at, up to a comma that is not escaped or the end. The value comes back without escapes. */
static gboolean
take_part(const char **at, int *nid, char **value, GError **error)
{
    const char *start = *at + strspn(*at, " ");
    gsize length = strcspn(start, "=,+\\\"");
    g_autofree char *type = g_strndup(start, length);
    if (start[length] != '=' || (*nid = type_nid(type)) == NID_undef)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID,
                       "subject: \"%s\" is no TYPE= (allowed: CN, O, OU, C, L, ST, serialNumber)", start);

    const char *p = start + length + 1;
    g_autofree char *text = g_malloc(strlen(p) + 1);
    char *end = text;
    for (; *p != '\0' && *p != ','; p++) {
        if (strchr("+\";<>#", *p) != NULL)
            return kl_fail(error, KL_ERROR_CONFIG_INVALID, "subject: '%c' in %s needs a \\ before it", *p, type);
        if (*p == '\\' && *++p == '\0')
            return kl_fail(error, KL_ERROR_CONFIG_INVALID, "subject: \\ at the end");
        *end++ = *p;
    }
    *end = '\0';
    if (end == text)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "subject: %s has no value", type);
    if (*p == ',' && p[1] == '\0')
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "subject: comma at the end");
    *at = *p == ',' ? p + 1 : p;
    *value = g_steal_pointer(&text);
    return TRUE;
}

static gboolean
check_values(const char *value, const KlUnit *unit, GError **error)
{
    const struct {
        const char *name;
        const char *value;
    } names[] = {{"{device_id}", unit->device_id}, {"{imei}", unit->imei}, {"{fsn}", unit->fsn}};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i].value == NULL && strstr(value, names[i].name) != NULL)
            return kl_fail(error, KL_ERROR_INTERNAL, "subject needs %s before the unit has one", names[i].name);
    }
    return TRUE;
}

/* Puts a unit's values into one value of the template and adds it in front: RFC 2253 writes names backwards. */
static gboolean
add_part(X509_NAME *name, int nid, const char *value, const KlUnit *unit, GError **error)
{
    if (!check_values(value, unit, error))
        return FALSE;
    g_autofree char *text = kl_profile_expand(value, unit);
    if (X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const guchar *)text, -1, 0, 0) != 1)
        return kl_openssl_fail(error, KL_ERROR_CONFIG_INVALID, "subject: %s can't be \"%s\"", OBJ_nid2sn(nid), text);
    return TRUE;
}

X509_NAME *
kl_subject_new(const char *template, const KlUnit *unit, GError **error)
{
    g_autoptr(X509_NAME) name = X509_NAME_new();
    const char *at = template;
    guint parts = 0;
    do {
        int nid = NID_undef;
        g_autofree char *value = NULL;
        if (++parts > MAX_PARTS) {
            kl_fail(error, KL_ERROR_CONFIG_INVALID, "subject: more than %d parts", MAX_PARTS);
            return NULL;
        }
        if (!take_part(&at, &nid, &value, error) || !add_part(name, nid, value, unit, error))
            return NULL;
    } while (*at != '\0');
    return g_steal_pointer(&name);
}

char *
kl_subject_text(const char *template, const KlUnit *unit, GError **error)
{
    g_autoptr(X509_NAME) name = kl_subject_new(template, unit, error);
    return name != NULL ? kl_name_text(name) : NULL;
}

gboolean
kl_subject_check(const char *template, GError **error)
{
    char imei[] = "000000000000000", fsn[] = "00000000000000", device_id[] = "0";
    const KlUnit sample = {.imei = imei, .fsn = fsn, .device_id = device_id};
    g_autoptr(X509_NAME) name = kl_subject_new(template, &sample, error);
    return name != NULL;
}
