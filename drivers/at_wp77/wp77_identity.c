#include "drivers/at_wp77/wp77_identity.h"

#include <string.h>

#include "drivers/at_wp77/agent/commands.h"
#include "drivers/at_wp77/at_fields.h"
#include "station/error.h"

#define MODEL_MAX 64
#define FIRMWARE_MAX 128
#define WORD_MAX 64

static const struct {
    const char *key;
    gsize offset; /* of its char * in KlWp77Info */
} info_keys[] = {
    {"protocol", G_STRUCT_OFFSET(KlWp77Info, protocol)}, {"agent", G_STRUCT_OFFSET(KlWp77Info, agent)},
    {"keystore", G_STRUCT_OFFSET(KlWp77Info, keystore)}, {"imei", G_STRUCT_OFFSET(KlWp77Info, imei)},
    {"fsn", G_STRUCT_OFFSET(KlWp77Info, fsn)},           {"model", G_STRUCT_OFFSET(KlWp77Info, model)},
    {"firmware", G_STRUCT_OFFSET(KlWp77Info, firmware)}, {"boot", G_STRUCT_OFFSET(KlWp77Info, boot)},
};

static const struct {
    const char *key;
    gsize offset; /* of its char * in KlWp77Modem */
} modem_keys[] = {
    {"Model: ", G_STRUCT_OFFSET(KlWp77Modem, model)},
    {"Revision: ", G_STRUCT_OFFSET(KlWp77Modem, firmware)},
    {"IMEI: ", G_STRUCT_OFFSET(KlWp77Modem, imei)},
    {"FSN: ", G_STRUCT_OFFSET(KlWp77Modem, fsn)},
};

void
kl_wp77_info_clear(KlWp77Info *info)
{
    for (gsize i = 0; i < G_N_ELEMENTS(info_keys); i++)
        g_clear_pointer((char **)G_STRUCT_MEMBER_P(info, info_keys[i].offset), g_free);
}

void
kl_wp77_modem_clear(KlWp77Modem *modem)
{
    for (gsize i = 0; i < G_N_ELEMENTS(modem_keys); i++)
        g_clear_pointer((char **)G_STRUCT_MEMBER_P(modem, modem_keys[i].offset), g_free);
}

static gboolean
take_info_line(const char *line, KlWp77Info *info, GError **error)
{
    KlAtField fields[2];
    if (kl_at_fields(line, "+KLINFO:", fields, 2) != 2 || !fields[0].quoted || !fields[1].quoted)
        return kl_fail(error, KL_ERROR_ANSWER_GARBLED, "KLINFO line: '%s'", line);
    for (gsize i = 0; i < G_N_ELEMENTS(info_keys); i++) {
        if (!kl_at_field_is(&fields[0], info_keys[i].key))
            continue;
        char **value = G_STRUCT_MEMBER_P(info, info_keys[i].offset);
        if (*value != NULL)
            return kl_fail(error, KL_ERROR_ANSWER_GARBLED, "KLINFO has '%s' twice", info_keys[i].key);
        *value = kl_at_field_dup(&fields[1]);
    }
    return TRUE;
}

gboolean
kl_wp77_info_parse(const GPtrArray *lines, KlWp77Info *info, GError **error)
{
    *info = (KlWp77Info){0};
    for (guint i = 0; i < lines->len; i++) {
        if (!take_info_line(g_ptr_array_index(lines, i), info, error))
            return FALSE;
    }
    if (info->protocol != NULL && strcmp(info->protocol, KL_AGENT_PROTOCOL) != 0)
        return kl_fail(error, KL_ERROR_AGENT_VERSION, "the agent (%s) speaks protocol '%s', this station %s",
                       info->agent != NULL ? info->agent : "?", info->protocol, KL_AGENT_PROTOCOL);
    for (gsize i = 0; i < G_N_ELEMENTS(info_keys); i++) {
        if (G_STRUCT_MEMBER(char *, info, info_keys[i].offset) == NULL)
            return kl_fail(error, KL_ERROR_ANSWER_GARBLED, "KLINFO does not tell '%s'", info_keys[i].key);
    }
    return TRUE;
}

void
kl_wp77_modem_parse(const GPtrArray *lines, KlWp77Modem *modem)
{
    *modem = (KlWp77Modem){0};
    for (guint i = 0; i < lines->len; i++) {
        const char *line = g_ptr_array_index(lines, i);
        for (gsize k = 0; k < G_N_ELEMENTS(modem_keys); k++) {
            char **value = G_STRUCT_MEMBER_P(modem, modem_keys[k].offset);
            if (*value == NULL && g_str_has_prefix(line, modem_keys[k].key))
                *value = g_strstrip(g_strdup(line + strlen(modem_keys[k].key)));
        }
    }
    if (modem->firmware != NULL)
        modem->firmware[strcspn(modem->firmware, " ")] = '\0';
}

char *
kl_wp77_cgsn_parse(const GPtrArray *lines)
{
    for (guint i = 0; i < lines->len; i++) {
        const char *line = g_ptr_array_index(lines, i);
        if (strlen(line) == 15 && strspn(line, "0123456789") == 15)
            return g_strdup(line);
    }
    return NULL;
}

static gboolean
check_word(const char *what, const char *value, gsize max, GError **error)
{
    gsize length = strlen(value);
    if (length >= 1 && length <= max)
        return TRUE;
    return kl_fail(error, KL_ERROR_IDENTITY_UNREADABLE, "%s of %" G_GSIZE_FORMAT " characters: '%s'", what, length,
                   value);
}

static gboolean
check_info(const KlWp77Info *info, GError **error)
{
    if (!kl_imei_valid(info->imei))
        return kl_fail(error, KL_ERROR_IDENTITY_UNREADABLE, "not an IMEI: '%s'", info->imei);
    if (!kl_fsn_valid(info->fsn))
        return kl_fail(error, KL_ERROR_IDENTITY_UNREADABLE, "not an FSN: '%s'", info->fsn);
    return check_word("agent version", info->agent, WORD_MAX, error) &&
           check_word("keystore", info->keystore, WORD_MAX, error) &&
           check_word("boot id", info->boot, WORD_MAX, error);
}

/* The modem has to name the same IMEI; an FSN it need not name at all. */
static gboolean
check_modem(const KlWp77Info *info, const KlWp77Modem *modem, GError **error)
{
    if (modem->imei == NULL || !kl_imei_valid(modem->imei))
        return kl_fail(error, KL_ERROR_IDENTITY_UNREADABLE, "the modem's IMEI is '%s'",
                       modem->imei != NULL ? modem->imei : "");
    if (strcmp(info->imei, modem->imei) != 0)
        return kl_fail(error, KL_ERROR_IDENTITY_MISMATCH, "IMEI %s by the agent, %s by the modem", info->imei,
                       modem->imei);
    if (modem->fsn != NULL && strcmp(info->fsn, modem->fsn) != 0)
        return kl_fail(error, KL_ERROR_IDENTITY_MISMATCH, "FSN %s by the agent, %s by the modem", info->fsn,
                       modem->fsn);
    return TRUE;
}

/* The modem's value, else the first word of the agent's. */
static char *
choose(const char *modem, const char *agent)
{
    return modem != NULL ? g_strdup(modem) : g_strndup(agent, strcspn(agent, " "));
}

KlUnit *
kl_wp77_unit_new(const KlWp77Info *info, const KlWp77Modem *modem, GError **error)
{
    static const KlWp77Modem silent = {0};
    if (!check_info(info, error) || (modem != NULL && !check_modem(info, modem, error)))
        return NULL;
    if (modem == NULL)
        modem = &silent;
    g_autoptr(KlUnit) unit = g_new0(KlUnit, 1);
    unit->imei = g_strdup(info->imei);
    unit->fsn = g_strdup(info->fsn);
    unit->model = choose(modem->model, info->model);
    unit->firmware = choose(modem->firmware, info->firmware);
    unit->agent_version = g_strdup(info->agent);
    unit->keystore = g_strdup(info->keystore);
    unit->boot_id = g_strdup(info->boot);
    if (!check_word("model", unit->model, MODEL_MAX, error) ||
        !check_word("firmware", unit->firmware, FIRMWARE_MAX, error))
        return NULL;
    return g_steal_pointer(&unit);
}
