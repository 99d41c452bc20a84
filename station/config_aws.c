/* Who signs, and [aws]: what the station does in a cloud. */
#include <string.h>

#include "station/config_private.h"
#include "station/error.h"
#include "station/keyfile.h"

#define GROUP "aws"

static const char *const signer_names[] = {
    [KL_SIGNER_LOCAL] = "local",
    [KL_SIGNER_REGISTER] = "register",
    [KL_SIGNER_IOT] = "iot",
    [KL_SIGNER_PCA] = "pca",
};

static const char *const register_names[] = {
    [KL_REGISTER_NO] = "no",
    [KL_REGISTER_CA] = "ca",
    [KL_REGISTER_WITHOUT_CA] = "without-ca",
};

static const char *const truth_names[] = {"false", "true"};

/* Reads one of so many names; *choice keeps its default when the key is not there. */
static gboolean
read_choice(const KlConfigSource *source, const char *group, const char *key, const char *const *names, guint count,
            guint *choice, GError **error)
{
    g_autofree char *text = kl_keyfile_text(source->keys, group, key);
    g_autoptr(GString) allowed = g_string_new(NULL);
    for (guint i = 0; i < count; i++) {
        if (text == NULL || strcmp(text, names[i]) == 0) {
            *choice = text == NULL ? *choice : i;
            return TRUE;
        }
        g_string_append_printf(allowed, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    return kl_keyfile_fail(error, source->path, group, key, "'%s' is none of: %s", text, allowed->str);
}

static gboolean
read_number(const KlConfigSource *source, const char *key, guint min, guint max, guint *number, GError **error)
{
    g_autofree char *text = kl_keyfile_text(source->keys, GROUP, key);
    guint64 value = *number;
    if (text != NULL && !g_ascii_string_to_unsigned(text, 10, min, max, &value, NULL))
        return kl_keyfile_fail(error, source->path, GROUP, key, "allowed: a number from %u to %u", min, max);
    *number = (guint)value;
    return TRUE;
}

/* Reads a text of so many characters at most, out of chars (NULL: any); *value keeps its default when it is not there.
 */
static gboolean
read_text(const KlConfigSource *source, const char *key, const char *chars, gsize max, char **value, GError **error)
{
    g_autofree char *text = kl_keyfile_text(source->keys, GROUP, key);
    if (text == NULL)
        return TRUE;
    if (strlen(text) > max)
        return kl_keyfile_fail(error, source->path, GROUP, key, "longer than %" G_GSIZE_FORMAT " characters", max);
    if (chars != NULL && text[strspn(text, chars)] != '\0')
        return kl_keyfile_fail(error, source->path, GROUP, key, "'%s' has characters that may not be there", text);
    g_free(*value);
    *value = g_steal_pointer(&text);
    return TRUE;
}

/* The lengths and characters are those that the services allow. */
static gboolean
read_names(KlAwsSection *aws, const KlConfigSource *source, GError **error)
{
#define ALPHANUMERIC G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
    const struct {
        const char *key, *chars;
        gsize max;
        char **value;
    } texts[] = {
        {"region", ALPHANUMERIC "-", 64, &aws->region},
        {"profile", NULL, 128, &aws->profile},
        {"endpoint", NULL, 1024, &aws->endpoint},
        {"registration-table", ALPHANUMERIC "_.-", 255, &aws->registration_table},
        {"records-table", ALPHANUMERIC "_.-", 255, &aws->records_table},
        {"counters-table", ALPHANUMERIC "_.-", 255, &aws->counters_table},
        {"firmware-table", ALPHANUMERIC "_.-", 255, &aws->firmware_table},
        {"policy", ALPHANUMERIC "_+=,.@-", 128, &aws->policy},
        {"pca-arn", ALPHANUMERIC "_+=,.@:/-", 200, &aws->pca_arn},
        {"pca-template", ALPHANUMERIC "_+=,.@:/-", 200, &aws->pca_template},
    };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (!read_text(source, texts[i].key, texts[i].chars, texts[i].max, texts[i].value, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_section(KlAwsSection *aws, const KlConfigSource *source, GError **error)
{
    guint mode = KL_REGISTER_CA, require_ack = FALSE;
    aws->on = g_key_file_has_group(source->keys, GROUP);
    aws->registration_table = g_strdup("Bootstrapping_table_registration");
    aws->records_table = g_strdup("Keyline_records");
    aws->counters_table = g_strdup("Keyline_counters");
    aws->ack_wait_ms = 2000;
    aws->per_second = 20;
    aws->id_block = 500;
    aws->rate_percent = 100;
    aws->connections_alarm = 3;
    gboolean ok =
        read_names(aws, source, error) &&
        read_choice(source, GROUP, "register", register_names, G_N_ELEMENTS(register_names), &mode, error) &&
        read_choice(source, GROUP, "require-ack", truth_names, G_N_ELEMENTS(truth_names), &require_ack, error) &&
        read_number(source, "ack-wait-ms", 0, 20000, &aws->ack_wait_ms, error) &&
        read_number(source, "rows-per-second", 1, 1000, &aws->per_second, error) &&
        read_number(source, "id-block", 2, 100000, &aws->id_block, error) &&
        read_number(source, "rate-percent", 1, 100, &aws->rate_percent, error) &&
        read_number(source, "connections-alarm", 0, G_MAXINT, &aws->connections_alarm, error);
    aws->register_mode = mode;
    aws->require_ack = (gboolean)require_ack;
    return ok;
}

/* A signer with what it can't do without. */
static gboolean
read_signer(KlConfig *config, const KlConfigSource *source, GError **error)
{
    guint signer = KL_SIGNER_LOCAL;
    if (!read_choice(source, "ca", "signer", signer_names, G_N_ELEMENTS(signer_names), &signer, error))
        return FALSE;
    config->signer = signer;
    if (config->signer != KL_SIGNER_LOCAL && !config->aws.on)
        return kl_keyfile_fail(error, source->path, "ca", "signer", "%s needs an [aws] group", signer_names[signer]);
    if (config->signer == KL_SIGNER_REGISTER && config->aws.register_mode == KL_REGISTER_NO)
        return kl_keyfile_fail(error, source->path, GROUP, "register", "signer=register needs ca or without-ca");
    if (config->signer == KL_SIGNER_PCA && config->aws.pca_arn == NULL)
        return kl_keyfile_fail(error, source->path, "ca", "signer", "pca needs [aws] pca-arn");
    return TRUE;
}

gboolean
kl_config_read_aws(KlConfig *config, const KlConfigSource *source, GError **error)
{
    return read_section(&config->aws, source, error) && read_signer(config, source, error);
}

const char *
kl_config_field_table(const KlConfig *config)
{
    return config->aws.on ? config->aws.registration_table : NULL;
}

void
kl_config_clear_aws(KlAwsSection *aws)
{
    g_free(aws->region);
    g_free(aws->profile);
    g_free(aws->endpoint);
    g_free(aws->registration_table);
    g_free(aws->records_table);
    g_free(aws->counters_table);
    g_free(aws->firmware_table);
    g_free(aws->policy);
    g_free(aws->pca_arn);
    g_free(aws->pca_template);
}
