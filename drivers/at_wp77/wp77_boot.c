/* Rehearsing the first boot, and asking how far it has come. */
#include <string.h>

#include "drivers/at_wp77/agent/commands.h"
#include "drivers/at_wp77/at_fields.h"
#include "drivers/at_wp77/wp77_answers.h"
#include "drivers/at_wp77/wp77_internal.h"

#define TEXT_MAX 300

typedef struct {
    const char *word;
    int value;
} Word;

static const Word states[] = {
#define STATE(name, word) {word, KL_BOOT_##name},
    KL_AGENT_BOOT_STATES(STATE)
#undef STATE
};

static const Word troubles[] = {
#define TROUBLE(name, word) {word, KL_BOOT_##name},
    KL_AGENT_BOOT_TROUBLES(TROUBLE)
#undef TROUBLE
};

static const Word *
find_word(const Word *words, gsize n, const KlAtField *field)
{
    for (gsize i = 0; i < n; i++) {
        if (kl_at_field_is(field, words[i].word))
            return &words[i];
    }
    return NULL;
}

static gboolean
read_number(const KlAtField *field, gint64 *number)
{
    g_autofree char *text = kl_at_field_dup(field);
    return g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, number, NULL);
}

/* A text that is empty is none. */
static gboolean
take_text(const KlAtField *field, char **text)
{
    gboolean first = *text == NULL;
    if (field->length > 0 && first)
        *text = kl_at_field_dup(field);
    return first;
}

/* One line's meaning. FALSE when it can't be: a state that is none, a number that is none. A trouble that this station
 * does not know is some other trouble; keys that it does not know are passed over. */
static gboolean
take_pair(const KlAtField *key, const KlAtField *value, KlBootInfo *info, gboolean *has_state)
{
    gint64 number = 0;
    if (kl_at_field_is(key, "state")) {
        const Word *word = find_word(states, G_N_ELEMENTS(states), value);
        info->state = word != NULL ? (KlBootState)word->value : KL_BOOT_FRESH;
        *has_state = word != NULL;
        return *has_state;
    }
    if (kl_at_field_is(key, "trouble")) {
        const Word *word = find_word(troubles, G_N_ELEMENTS(troubles), value);
        info->trouble = word != NULL ? (KlBootTrouble)word->value : KL_BOOT_OTHER;
        return TRUE;
    }
    if (kl_at_field_is(key, "detail"))
        return take_text(value, &info->detail);
    if (kl_at_field_is(key, "endpoint"))
        return take_text(value, &info->endpoint);
    if (kl_at_field_is(key, "trust"))
        return take_text(value, &info->trust_sha256);
    if (kl_at_field_is(key, "version"))
        return read_number(value, &info->version);
    if (kl_at_field_is(key, "clock"))
        return read_number(value, &info->clock_s);
    if (!kl_at_field_is(key, "rehearsal"))
        return TRUE;
    info->rehearsal = kl_at_field_is(value, "1");
    return read_number(value, &number);
}

gboolean
kl_wp77_boot_parse(const GPtrArray *lines, KlBootInfo *info, GError **error)
{
    gboolean has_state = FALSE;
    *info = (KlBootInfo){0};
    for (guint i = 0; i < lines->len; i++) {
        const char *line = g_ptr_array_index(lines, i);
        KlAtField fields[2];
        if (kl_at_fields(line, "+KLBOOT:", fields, 2) == 2 && fields[0].quoted && fields[1].quoted &&
            fields[1].length <= TEXT_MAX && take_pair(&fields[0], &fields[1], info, &has_state))
            continue;
        kl_boot_info_clear(info);
        return kl_fail(error, KL_ERROR_ANSWER_GARBLED, "not an answer of this protocol: '%s'", line);
    }
    if (!has_state) {
        kl_boot_info_clear(info);
        return kl_fail(error, KL_ERROR_ANSWER_GARBLED, "the state of the first boot is missing");
    }
    return TRUE;
}

/* An agent without a first boot has no KLBOOT: its ERROR, or a number below its own. */
static gboolean
ask(KlDevice *device, const KlWp77Command *command, const char *text, KlOp *op, KlAtResult *result, GError **error)
{
    GError *failure = NULL;
    if (kl_wp77_ask(device->agent, command, text, op, result, &failure))
        return TRUE;
    if (g_error_matches(failure, KL_ERROR, (int)command->refused) &&
        (result->final.type != KL_AT_CME_ERROR || result->final.number <= KL_AGENT_E_SYNTAX)) {
        failure->code = KL_ERROR_AGENT_VERSION;
        g_prefix_error(&failure, "the unit's agent knows no first boot: ");
    }
    g_propagate_error(error, failure);
    return FALSE;
}

gboolean
kl_wp77_rehearse(KlDevice *device, const char *address, const char *broker_sha256, KlOp *op, GError **error)
{
    static const KlWp77Command command = {NULL, KL_WP77_SLOW_MS, KL_ERROR_BOOT_REFUSED};
    g_auto(KlAtResult) result = {0};
    g_autofree char *text = kl_wp77_command(error, "KLBOOT", "rehearse", address, broker_sha256, NULL);
    return text != NULL && ask(device, &command, text, op, &result, error);
}

gboolean
kl_wp77_boot_status(KlDevice *device, KlBootInfo *info, KlOp *op, GError **error)
{
    static const KlWp77Command command = {"+KLBOOT:", KL_WP77_SLOW_MS, KL_ERROR_BOOT_REFUSED};
    g_auto(KlAtResult) result = {0};
    *info = (KlBootInfo){0};
    return ask(device, &command, "AT+KLBOOT?", op, &result, error) && kl_wp77_boot_parse(result.lines, info, error);
}

gboolean
kl_wp77_boot_reset(KlDevice *device, KlOp *op, GError **error)
{
    static const KlWp77Command command = {NULL, KL_WP77_SLOW_MS, KL_ERROR_BOOT_REFUSED};
    g_auto(KlAtResult) result = {0};
    g_autofree char *text = kl_wp77_command(error, "KLBOOT", "reset", NULL);
    return text != NULL && ask(device, &command, text, op, &result, error);
}
