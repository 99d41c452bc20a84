#include "station/profile.h"

#include "station/error.h"
#include "station/profile_load.h"

void
kl_profile_free(KlProfile *profile)
{
    if (profile == NULL)
        return;
    g_free(profile->name);
    g_free(profile->title);
    g_free(profile->driver);
    g_strfreev(profile->models);
    g_strfreev(profile->firmware);
    g_free(profile->id_pattern);
    g_free(profile->id_sequence);
    g_free(profile->label_pattern);
    g_free(profile->key_slot);
    g_strfreev(profile->key_backends);
    g_free(profile->subject);
    g_free(profile->endpoint);
    g_free(profile->policy);
    g_free(profile->registration_firmware);
    g_free(profile->parameters);
    g_free(profile->trust_file);
    g_free(profile->trust);
    g_free(profile);
}

static gboolean
list_has(char **list, const char *text)
{
    return text != NULL && g_strv_contains((const char *const *)list, text);
}

static gboolean
matches_any(char **patterns, const char *text)
{
    /* g_pattern_match_simple() reads past the end of what is not UTF-8. */
    if (text == NULL || !g_utf8_validate(text, -1, NULL))
        return FALSE;
    for (guint i = 0; patterns[i] != NULL; i++) {
        if (g_pattern_match_simple(patterns[i], text))
            return TRUE;
    }
    return FALSE;
}

static const char *
shown(const char *text)
{
    return text != NULL ? text : "(none)";
}

gboolean
kl_profile_accepts(const KlProfile *profile, const KlUnit *unit, GError **error)
{
    if (!list_has(profile->models, unit->model)) {
        g_autofree char *accepted = g_strjoinv("; ", profile->models);
        return kl_fail(error, KL_ERROR_MODEL_UNKNOWN, "model '%s'; product %s accepts: %s", shown(unit->model),
                       profile->name, accepted);
    }
    if (!matches_any(profile->firmware, unit->firmware)) {
        g_autofree char *accepted = g_strjoinv("; ", profile->firmware);
        return kl_fail(error, KL_ERROR_FIRMWARE_REFUSED, "firmware '%s'; product %s accepts: %s", shown(unit->firmware),
                       profile->name, accepted);
    }
    if (!list_has(profile->key_backends, unit->keystore)) {
        g_autofree char *accepted = g_strjoinv("; ", profile->key_backends);
        return kl_fail(error, KL_ERROR_KEYSTORE_REFUSED, "keystore '%s'; product %s accepts: %s", shown(unit->keystore),
                       profile->name, accepted);
    }
    return TRUE;
}

char *
kl_label_clean(const char *scan)
{
    if (scan == NULL)
        return NULL;
    gsize length = strlen(scan);
    while (length > 0 && strchr("\r\n ", scan[length - 1]) != NULL)
        length--;
    return length > 0 ? g_strndup(scan, length) : NULL;
}

/* TRUE for short text without control characters that the profile's pattern, if there is one, matches as a whole. */
static gboolean
label_well_formed(const KlProfile *profile, const char *label)
{
    if (strlen(label) > KL_LABEL_MAX || !g_utf8_validate(label, -1, NULL))
        return FALSE;
    for (const char *at = label; *at != '\0'; at = g_utf8_next_char(at)) {
        if (g_unichar_iscntrl(g_utf8_get_char(at)))
            return FALSE;
    }
    if (profile->id_rule == KL_ID_LABEL && !kl_device_id_valid(label))
        return FALSE;
    if (profile->label_pattern == NULL)
        return TRUE;
    g_autoptr(GRegex) regex = kl_label_regex(profile->label_pattern, NULL);
    return regex != NULL && g_regex_match(regex, label, 0, NULL);
}

/* The device id that the unit has or will get; NULL when only the store can tell. */
static const char *
expected_device_id(const KlProfile *profile, const KlUnit *unit, const char *label)
{
    if (unit->device_id != NULL)
        return unit->device_id;
    switch (profile->id_rule) {
    case KL_ID_FSN:
        return unit->fsn;
    case KL_ID_IMEI:
        return unit->imei;
    case KL_ID_LABEL:
        return label;
    case KL_ID_SEQUENCE:
        break;
    }
    return NULL;
}

static gboolean
label_matches(const KlProfile *profile, const KlUnit *unit, const char *label)
{
    const char *device_id = expected_device_id(profile, unit, label);
    gboolean is_imei = g_strcmp0(unit->imei, label) == 0;
    gboolean is_fsn = unit->fsn != NULL && g_ascii_strcasecmp(unit->fsn, label) == 0;
    gboolean is_device_id = g_strcmp0(device_id, label) == 0;

    switch (profile->label_rule) {
    case KL_LABEL_NONE:
        return profile->id_rule != KL_ID_LABEL || is_device_id;
    case KL_LABEL_ANY:
        return is_imei || is_fsn || is_device_id;
    case KL_LABEL_IMEI:
        return is_imei;
    case KL_LABEL_FSN:
        return is_fsn;
    case KL_LABEL_DEVICE_ID:
        return device_id == NULL || is_device_id;
    }
    return FALSE;
}

gboolean
kl_profile_check_label(const KlProfile *profile, const KlUnit *unit, const char *label, GError **error)
{
    g_autofree char *clean = kl_label_clean(label);
    if (clean == NULL && profile->label_required)
        return kl_fail(error, KL_ERROR_LABEL_MISSING, "product %s needs a scanned label", profile->name);
    if (clean == NULL)
        return TRUE;
    if (!label_well_formed(profile, clean)) {
        g_autofree char *head = g_strndup(clean, KL_LABEL_MAX);
        g_autofree char *text = g_strescape(head, NULL);
        return kl_fail(error, KL_ERROR_LABEL_FORMAT, "the scan '%s' is not a label of product %s", text, profile->name);
    }
    if (!label_matches(profile, unit, clean))
        return kl_fail(error, KL_ERROR_LABEL_MISMATCH, "the scan '%s' is not of the unit with IMEI %s, FSN %s, id %s",
                       clean, shown(unit->imei), shown(unit->fsn), shown(unit->device_id));
    return TRUE;
}

char *
kl_profile_expand(const char *template, const KlUnit *unit)
{
    const struct {
        const char *name;
        const char *value;
    } names[] = {{"{device_id}", unit->device_id}, {"{imei}", unit->imei}, {"{fsn}", unit->fsn}};

    GString *text = g_string_new(template);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strstr(template, names[i].name) == NULL)
            continue;
        if (names[i].value == NULL) {
            g_critical("the unit has no %s for '%s'", names[i].name, template);
            continue;
        }
        g_string_replace(text, names[i].name, names[i].value, 0);
    }
    return g_string_free(text, FALSE);
}
