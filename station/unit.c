#include "station/unit.h"

#define IMEI_LENGTH 15
#define FSN_MAX 14
#define DEVICE_ID_MAX 64

KlUnit *
kl_unit_copy(const KlUnit *unit)
{
    if (unit == NULL)
        return NULL;
    KlUnit *copy = g_new0(KlUnit, 1);
    copy->imei = g_strdup(unit->imei);
    copy->fsn = g_strdup(unit->fsn);
    copy->model = g_strdup(unit->model);
    copy->firmware = g_strdup(unit->firmware);
    copy->agent_version = g_strdup(unit->agent_version);
    copy->keystore = g_strdup(unit->keystore);
    copy->boot_id = g_strdup(unit->boot_id);
    copy->device_id = g_strdup(unit->device_id);
    return copy;
}

void
kl_unit_free(KlUnit *unit)
{
    if (unit == NULL)
        return;
    g_free(unit->imei);
    g_free(unit->fsn);
    g_free(unit->model);
    g_free(unit->firmware);
    g_free(unit->agent_version);
    g_free(unit->keystore);
    g_free(unit->boot_id);
    g_free(unit->device_id);
    g_free(unit);
}

gboolean
kl_unit_same(const KlUnit *a, const KlUnit *b)
{
    return g_strcmp0(a->imei, b->imei) == 0 && g_strcmp0(a->fsn, b->fsn) == 0;
}

gboolean
kl_imei_valid(const char *imei)
{
    if (imei == NULL || strnlen(imei, IMEI_LENGTH + 1) != IMEI_LENGTH)
        return FALSE;
    guint sum = 0;
    for (guint i = 0; i < IMEI_LENGTH; i++) {
        if (!g_ascii_isdigit(imei[i]))
            return FALSE;
        guint digit = (guint)(imei[i] - '0');
        guint doubled = 2 * digit;
        sum += i % 2 == 0 ? digit : doubled / 10 + doubled % 10;
    }
    return sum % 10 == 0;
}

/* TRUE for 1..max characters that are letters, digits or one of others; lower-case letters only when they may be. */
static gboolean
consists_of(const char *text, gsize max, gboolean lower, const char *others)
{
    gsize length = text != NULL ? strnlen(text, max + 1) : 0;
    if (length == 0 || length > max)
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        gboolean letter = g_ascii_isupper(text[i]) || (lower && g_ascii_islower(text[i]));
        if (!letter && !g_ascii_isdigit(text[i]) && strchr(others, text[i]) == NULL)
            return FALSE;
    }
    return TRUE;
}

gboolean
kl_fsn_valid(const char *fsn)
{
    return consists_of(fsn, FSN_MAX, FALSE, "");
}

gboolean
kl_device_id_valid(const char *device_id)
{
    return consists_of(device_id, DEVICE_ID_MAX, TRUE, "_.:-");
}
