/* Reading products/NAME.conf: every value is checked here, so that nothing after it needs to doubt a profile. */
#include "station/profile_load.h"

#include <json-glib/json-glib.h>

#include "station/error.h"
#include "station/profile.h"

#define LETTERS_DIGITS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
#define STARS_MAX 4 /* matching takes time to the power of their number */
#define PATTERN_MAX 256
#define DEVICE_ID_MAX 64
#define NUMBER_DIGITS_MAX 20  /* of a 64-bit number */
#define INTEGER_DIGITS_MAX 18 /* always fit into a signed 64-bit number */

static const KlKeyRule rules[] = {
    {"product", "title", FALSE},
    {"product", "driver", FALSE},
    {"product", "models", TRUE},
    {"product", "firmware", FALSE},
    {"product", "restart-seconds", FALSE},
    {"id", "rule", FALSE},
    {"id", "pattern", FALSE},
    {"id", "label", FALSE},
    {"id", "label-required", FALSE},
    {"id", "label-pattern", FALSE},
    {"key", "slot", FALSE},
    {"key", "backends", FALSE},
    {"key", "lock", FALSE},
    {"certificate", "subject", FALSE},
    {"certificate", "validity-days", FALSE},
    {"certificate", "backdate-minutes", FALSE},
    {"certificate", "ca-margin-days", FALSE},
    {"certificate", "allow-null-parameter", FALSE},
    {"registration", "policy", TRUE},
    {"registration", "firmware", TRUE},
    {"registration", "parameters", FALSE},
    {"install", "endpoint", TRUE},
    {"install", "trust", FALSE},
    {"rehearsal", "first-boot", FALSE},
    {"rehearsal", "timeout-seconds", FALSE},
    {"rehearsal", "clock-tolerance", FALSE},
    {"rehearsal", "telemetry", FALSE},
    {NULL},
};

static guint
count_char(const char *text, char wanted)
{
    guint count = 0;
    for (; *text != '\0'; text++)
        count += *text == wanted;
    return count;
}

static gboolean
read_product(KlProfile *profile, const KlReader *reader)
{
    profile->title = kl_reader_text(reader, "product", "title", profile->name);
    if (!kl_reader_chars(reader, "product", "driver", "at_wp77", G_CSET_a_2_z G_CSET_DIGITS "_", 32, "a-z 0-9 _",
                         &profile->driver) ||
        !kl_reader_list(reader, "product", "models", NULL, &profile->models) ||
        !kl_reader_list(reader, "product", "firmware", "*", &profile->firmware))
        return FALSE;
    for (guint i = 0; profile->firmware[i] != NULL; i++) {
        if (count_char(profile->firmware[i], '*') > STARS_MAX)
            return kl_keyfile_fail(KL_READER_AT(reader, "product", "firmware"), "allowed: at most %d * in a pattern",
                                   STARS_MAX);
    }
    return kl_reader_number(reader, "product", "restart-seconds", 20, 1, 120, &profile->restart_seconds);
}

/* The length of a "%u" or "%0Nu" at the start of text, or 0. *digits is N, 0 without one. */
static gsize
conversion_length(const char *text, guint *digits)
{
    gsize at = 1;
    *digits = 0;
    if (text[0] != '%')
        return 0;
    if (text[at] == '0') {
        for (at++; g_ascii_isdigit(text[at]) && at < 4; at++)
            *digits = *digits * 10 + (guint)(text[at] - '0');
        if (*digits == 0 || *digits > NUMBER_DIGITS_MAX)
            return 0;
    }
    return text[at] == 'u' ? at + 1 : 0;
}

/* TRUE when the pattern has one conversion, is literal otherwise, and can't become longer than a device id may be. */
static gboolean
pattern_valid(const char *pattern)
{
    const char *percent = strchr(pattern, '%');
    if (percent == NULL)
        return FALSE;
    guint digits = 0;
    gsize conversion = conversion_length(percent, &digits);
    if (conversion == 0)
        return FALSE;
    gsize before = (gsize)(percent - pattern);
    const char *rest = percent + conversion;
    gsize after = strlen(rest);
    return strspn(pattern, LETTERS_DIGITS "_-.:") == before && strspn(rest, LETTERS_DIGITS "_-.:") == after &&
           before + after + NUMBER_DIGITS_MAX <= DEVICE_ID_MAX;
}

/* However wide it is written, another number is another id, and the same one may be the same id. */
static char *
without_width(const char *pattern)
{
    const char *percent = strchr(pattern, '%');
    guint digits;
    return g_strdup_printf("%.*s%%u%s", (int)(percent - pattern), pattern,
                           percent + conversion_length(percent, &digits));
}

static gboolean
read_id_pattern(KlProfile *profile, const KlReader *reader)
{
    profile->id_pattern = kl_reader_text(reader, "id", "pattern", NULL);
    if (profile->id_rule != KL_ID_SEQUENCE)
        return profile->id_pattern == NULL ||
               kl_keyfile_fail(KL_READER_AT(reader, "id", "pattern"), "allowed with rule=sequence only");
    if (profile->id_pattern != NULL && pattern_valid(profile->id_pattern)) {
        profile->id_sequence = without_width(profile->id_pattern);
        return TRUE;
    }
    return kl_keyfile_fail(KL_READER_AT(reader, "id", "pattern"),
                           "rule=sequence needs one %%u or %%0Nu; allowed around it: up to %d of A-Z a-z 0-9 _ - . :",
                           DEVICE_ID_MAX - NUMBER_DIGITS_MAX);
}

GRegex *
kl_label_regex(const char *pattern, GError **error)
{
    /* Alone first: what closes the group below or comments its end out must not get through. */
    g_autoptr(GRegex) alone = g_regex_new(pattern, 0, 0, error);
    if (alone == NULL)
        return NULL;
    g_autofree char *whole = g_strdup_printf("(*LIMIT_MATCH=100000)\\A(?:%s)\\z", pattern);
    return g_regex_new(whole, 0, 0, error);
}

static gboolean
read_label_pattern(KlProfile *profile, const KlReader *reader)
{
    profile->label_pattern = kl_reader_text(reader, "id", "label-pattern", NULL);
    if (profile->label_pattern == NULL)
        return TRUE;
    if (strlen(profile->label_pattern) > PATTERN_MAX)
        return kl_keyfile_fail(KL_READER_AT(reader, "id", "label-pattern"), "allowed: up to %d bytes", PATTERN_MAX);
    g_autoptr(GError) problem = NULL;
    g_autoptr(GRegex) regex = kl_label_regex(profile->label_pattern, &problem);
    return regex != NULL || kl_keyfile_fail(KL_READER_AT(reader, "id", "label-pattern"), "not a regular expression: %s",
                                            problem->message);
}

static gboolean
read_id(KlProfile *profile, const KlReader *reader)
{
    static const char *const id_rules[] = {"fsn", "imei", "label", "sequence", NULL};
    static const char *const label_rules[] = {"none", "any", "imei", "fsn", "device_id", NULL};
    guint id_rule = 0;
    guint label_rule = 0;
    if (!kl_reader_choice(reader, "id", "rule", id_rules, "fsn", &id_rule) ||
        !kl_reader_choice(reader, "id", "label", label_rules, "any", &label_rule) ||
        !kl_reader_boolean(reader, "id", "label-required", FALSE, &profile->label_required))
        return FALSE;
    profile->id_rule = (KlIdRule)id_rule;
    profile->label_rule = (KlLabelRule)label_rule;
    profile->label_required = profile->label_required || profile->id_rule == KL_ID_LABEL;
    return read_id_pattern(profile, reader) && read_label_pattern(profile, reader);
}

static gboolean
read_key(KlProfile *profile, const KlReader *reader)
{
    if (!kl_reader_chars(reader, "key", "slot", "keyline", LETTERS_DIGITS "_-", 32, "A-Z a-z 0-9 _ -",
                         &profile->key_slot) ||
        !kl_reader_list(reader, "key", "backends", "iks", &profile->key_backends) ||
        !kl_reader_boolean(reader, "key", "lock", FALSE, &profile->lock))
        return FALSE;
    for (guint i = 0; profile->key_backends[i] != NULL; i++) {
        const char *backend = profile->key_backends[i];
        if (strcmp(backend, "iks") != 0 && strcmp(backend, "software") != 0)
            return kl_keyfile_fail(KL_READER_AT(reader, "key", "backends"), "unknown '%s'; allowed: iks, software",
                                   backend);
    }
    return TRUE;
}

/* TRUE when every {name} in the template is one that kl_profile_expand knows, and {device_id} is there. */
static gboolean
subject_names_valid(const char *subject)
{
    static const char *const names[] = {"{device_id}", "{imei}", "{fsn}"};
    gboolean device_id = FALSE;
    for (const char *at = strpbrk(subject, "{}"); at != NULL; at = strpbrk(at, "{}")) {
        guint i = 0;
        while (i < G_N_ELEMENTS(names) && !g_str_has_prefix(at, names[i]))
            i++;
        if (i == G_N_ELEMENTS(names))
            return FALSE;
        device_id = device_id || i == 0;
        at += strlen(names[i]);
    }
    return device_id;
}

static gboolean
read_certificate(KlProfile *profile, const KlReader *reader)
{
    profile->subject = kl_reader_text(reader, "certificate", "subject", "CN={device_id}");
    if (strlen(profile->subject) > PATTERN_MAX || !subject_names_valid(profile->subject))
        return kl_keyfile_fail(
            KL_READER_AT(reader, "certificate", "subject"),
            "allowed: up to %d bytes with {device_id} in them, and no other names than {imei}, {fsn}", PATTERN_MAX);
    return kl_reader_number(reader, "certificate", "validity-days", 3650, 1, 36500, &profile->validity_days) &&
           kl_reader_number(reader, "certificate", "backdate-minutes", 60, 0, 525600, &profile->backdate_minutes) &&
           kl_reader_number(reader, "certificate", "ca-margin-days", 30, 0, 36500, &profile->ca_margin_days) &&
           kl_reader_boolean(reader, "certificate", "allow-null-parameter", FALSE, &profile->allow_null_parameter);
}

/* FALSE when the JSON text has a whole number that may not fit into 64 bits: json-glib takes another in its place. */
static gboolean
json_numbers_fit(const char *text)
{
    gboolean quoted = FALSE;
    for (const char *at = text; *at != '\0'; at++) {
        gsize digits = quoted ? 0 : strspn(at, G_CSET_DIGITS);
        if (digits > INTEGER_DIGITS_MAX && (at == text || at[-1] != '.'))
            return FALSE;
        if (digits > 0)
            at += digits - 1;
        else if (*at == '"')
            quoted = !quoted;
        else if (*at == '\\' && at[1] != '\0')
            at++;
    }
    return TRUE;
}

/* The text as compact JSON, or NULL when it is not a JSON object. json-glib takes more than JSON in (comments, single
 * quotes, numbers that become "inf"); written out and read again, it is JSON or it fails. */
static char *
json_object_text(const char *text)
{
    if (!json_numbers_fit(text))
        return NULL;
    g_autofree char *compact = g_strdup(text);
    for (guint pass = 0; pass < 2; pass++) {
        g_autoptr(JsonParser) parser = json_parser_new();
        if (!json_parser_load_from_data(parser, compact, -1, NULL))
            return NULL;
        JsonNode *root = json_parser_get_root(parser);
        if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root))
            return NULL;
        g_free(compact);
        compact = json_to_string(root, FALSE);
    }
    return g_steal_pointer(&compact);
}

static gboolean
read_parameters(KlProfile *profile, const KlReader *reader)
{
    g_autofree char *text = kl_reader_text(reader, "registration", "parameters", "{}");
    /* Before the parser: it recurses for every bracket. */
    gboolean fits = strlen(text) <= KL_PARAMETERS_MAX;
    profile->parameters = fits ? json_object_text(text) : NULL;
    if (fits && profile->parameters == NULL)
        return kl_keyfile_fail(KL_READER_AT(reader, "registration", "parameters"),
                               "allowed: a JSON object, {\"key\": \"value\"}, its whole numbers of up to %d digits",
                               INTEGER_DIGITS_MAX);
    if (fits) {
        g_auto(GStrv) parts = g_strsplit(profile->parameters, "DEVICE_ID", -1);
        gsize ids = g_strv_length(parts) - 1;
        fits = strlen(profile->parameters) + ids * (DEVICE_ID_MAX - strlen("DEVICE_ID")) <= KL_PARAMETERS_MAX;
    }
    return fits ||
           kl_keyfile_fail(KL_READER_AT(reader, "registration", "parameters"),
                           "allowed: up to %d bytes when every DEVICE_ID has its longest value", KL_PARAMETERS_MAX);
}

static gboolean
read_registration(KlProfile *profile, const KlReader *reader)
{
    profile->registration_firmware = kl_reader_text(reader, "registration", "firmware", NULL);
    if (g_utf8_strlen(profile->registration_firmware, -1) > 128)
        return kl_keyfile_fail(KL_READER_AT(reader, "registration", "firmware"), "allowed: 1 to 128 characters");
    return kl_reader_chars(reader, "registration", "policy", NULL, LETTERS_DIGITS "_+=,.@-", 128,
                           "A-Z a-z 0-9 _ + = , . @ -", &profile->policy) &&
           read_parameters(profile, reader);
}

static gboolean
host_name_valid(const char *name)
{
    if (strlen(name) > 253)
        return FALSE;
    g_auto(GStrv) labels = g_strsplit(name, ".", -1);
    for (guint i = 0; labels[i] != NULL; i++) {
        gsize length = strlen(labels[i]);
        if (length == 0 || length > 63 || strspn(labels[i], LETTERS_DIGITS "-") != length)
            return FALSE;
        if (labels[i][0] == '-' || labels[i][length - 1] == '-')
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_install(KlProfile *profile, const KlReader *reader)
{
    profile->endpoint = kl_reader_text(reader, "install", "endpoint", NULL);
    return host_name_valid(profile->endpoint) ||
           kl_keyfile_fail(KL_READER_AT(reader, "install", "endpoint"), "allowed: a host name of A-Z a-z 0-9 - and .");
}

/* The profile's name out of its path, or NULL. */
static char *
name_of(const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    if (g_str_has_suffix(name, ".conf"))
        name[strlen(name) - strlen(".conf")] = '\0';
    gsize length = strlen(name);
    if (length == 0 || length > 64 || strspn(name, LETTERS_DIGITS "_.-") != length)
        return NULL;
    return g_steal_pointer(&name);
}

KlProfile *
kl_profile_load(const char *path, GError **error)
{
    g_autoptr(KlProfile) profile = g_new0(KlProfile, 1);
    profile->name = name_of(path);
    if (profile->name == NULL) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: a product's file is NAME.conf; allowed in NAME: up to 64 of %s",
                path, "A-Z a-z 0-9 _ . -");
        return NULL;
    }
    g_autoptr(GKeyFile) keys = kl_keyfile_load(path, rules, error);
    if (keys == NULL)
        return NULL;
    const KlReader reader = {path, keys, error};
    if (!read_product(profile, &reader) || !read_id(profile, &reader) || !read_key(profile, &reader) ||
        !read_certificate(profile, &reader) || !read_registration(profile, &reader) ||
        !read_install(profile, &reader) || !kl_profile_read_trust(profile, &reader) ||
        !kl_profile_read_rehearsal(profile, &reader))
        return NULL;
    return g_steal_pointer(&profile);
}
