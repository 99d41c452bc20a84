/* keyline ca: the station's certificate authority. */
#include <stdio.h>
#include <string.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/passphrase.h"

#define DEFAULT_CA_DAYS 7300
#define DEFAULT_CRL_DAYS 30
#define MAX_DAYS 36500
/* How long a revocation may try to reach AWS. */
#define AWS_S 20

static gboolean
check_days(int days, GError **error)
{
    if (days < 1 || days > MAX_DAYS)
        return kl_fail(error, KL_ERROR_USAGE, "--days %d: must be 1 to %d", days, MAX_DAYS);
    return TRUE;
}

/* Prints one member as JSON, or the text for people. */
static void
print_result(const KlCli *cli, const char *key, const char *value, const char *text)
{
    if (!cli->json) {
        printf("%s%s", text, g_str_has_suffix(text, "\n") ? "" : "\n");
        return;
    }
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_string(builder, key, value);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

/* The passphrase that a new CA key is to be encrypted under. */
static KlSecret *
new_passphrase(const KlCli *cli, const KlPassphraseSource *source, GError **error)
{
    g_autoptr(KlConfig) config = kl_config_load(cli->dir, error);
    if (config == NULL)
        return NULL;
    return kl_passphrase_get(source, config->passphrase_file, "New CA passphrase: ", TRUE, error);
}

static int
show(const KlCli *cli, GError **error)
{
    g_autofree char *text = kl_station_ca_show(cli->dir, error);
    g_autoptr(KlCertificate) ca = text != NULL ? kl_station_ca_certificate(cli->dir, error) : NULL;
    if (ca == NULL)
        return -1;
    if (!cli->json) {
        printf("%s%s", text, g_str_has_suffix(text, "\n") ? "" : "\n");
        return KL_EXIT_DONE;
    }
    g_autofree char *pem = kl_certificate_pem(ca);
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_string(builder, "subject", ca->subject);
    kl_json_string(builder, "issuer", ca->issuer);
    kl_json_string(builder, "serial", ca->serial);
    kl_json_string(builder, "sha256", ca->sha256);
    kl_json_time(builder, "not_before", ca->not_before * G_USEC_PER_SEC);
    kl_json_time(builder, "not_after", ca->not_after * G_USEC_PER_SEC);
    kl_json_string(builder, "certificate", pem);
    json_builder_end_object(builder);
    kl_json_print(builder);
    return KL_EXIT_DONE;
}

static gboolean
check_absent(const KlCli *cli, GError **error)
{
    if (kl_station_ca_exists(cli->dir))
        return kl_fail(error, KL_ERROR_CA_EXISTS, "there are files in %s/ca", cli->dir);
    return TRUE;
}

static int
run_init(KlCli *cli, char **words, GError **error)
{
    g_auto(KlPassphraseSource) source = KL_PASSPHRASE_SOURCE_INIT;
    g_autofree char *name = NULL;
    int days = DEFAULT_CA_DAYS;
    const GOptionEntry entries[] = {
        {"name", 'n', 0, G_OPTION_ARG_STRING, &name, "The CA's common name (default: Keyline CA STATION)", "CN"},
        {"days", 'd', 0, G_OPTION_ARG_INT, &days, "How long it is valid (default 7300)", "N"},
        KL_PASSPHRASE_ENTRIES(source),
        {NULL},
    };
    const char *about = "Makes a P-256 certificate authority; its key is encrypted under the passphrase.\n"
                        "Back the ca folder and the passphrase up, apart from each other.";
    if (!kl_cli_parse(cli, "keyline ca init", NULL, about, entries, 0, 0, words, error) || !check_days(days, error) ||
        !check_absent(cli, error))
        return -1;
    g_autoptr(KlConfig) config = kl_config_load(cli->dir, error);
    if (config == NULL)
        return -1;
    g_autofree char *common_name = name != NULL ? g_strdup(name) : g_strconcat("Keyline CA ", config->name, NULL);
    g_autoptr(KlSecret) passphrase = new_passphrase(cli, &source, error);
    if (passphrase == NULL || !kl_station_ca_init(cli->dir, common_name, (guint)days, passphrase, error) ||
        !kl_station_note_act(cli->dir, "ca-create", common_name, NULL, error))
        return -1;
    return show(cli, error);
}

typedef struct {
    char *key, *certificate;
    KlPassphraseSource key_passphrase, passphrase;
} ImportOptions;

static void
import_options_clear(ImportOptions *options)
{
    g_free(options->key);
    g_free(options->certificate);
    kl_passphrase_source_clear(&options->key_passphrase);
    kl_passphrase_source_clear(&options->passphrase);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImportOptions, import_options_clear)

/* Whether a PEM key file says that it is encrypted: then its passphrase is asked for. */
static gboolean
key_is_encrypted(const char *path)
{
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) && strstr(text, "ENCRYPTED") != NULL;
}

/* A key on a token stays there: its PIN is asked for once, unless the URI says where it is. */
static int
import_token(const KlCli *cli, const ImportOptions *o, GError **error)
{
    g_autoptr(KlSecret) pin = NULL;
    if (kl_passphrase_source_given(&o->passphrase) || strstr(o->key, "pin-source=") == NULL) {
        pin = kl_passphrase_get(&o->passphrase, NULL, "PIN of the token: ", FALSE, error);
        if (pin == NULL)
            return -1;
    }
    if (!kl_station_ca_import(cli->dir, o->key, o->certificate, NULL, pin, error) ||
        !kl_station_note_act(cli->dir, "ca-import", o->certificate, NULL, error))
        return -1;
    fprintf(stderr, "Now write under [ca] in station.conf: key=%s\n", o->key);
    return show(cli, error);
}

static int
import(const KlCli *cli, const ImportOptions *o, GError **error)
{
    g_autoptr(KlSecret) key_passphrase = NULL;
    if (kl_passphrase_source_given(&o->key_passphrase) || key_is_encrypted(o->key)) {
        key_passphrase = kl_passphrase_get(&o->key_passphrase, NULL, "Passphrase of the key file: ", FALSE, error);
        if (key_passphrase == NULL)
            return -1;
    }
    g_autoptr(KlSecret) passphrase = new_passphrase(cli, &o->passphrase, error);
    if (passphrase == NULL ||
        !kl_station_ca_import(cli->dir, o->key, o->certificate, key_passphrase, passphrase, error) ||
        !kl_station_note_act(cli->dir, "ca-import", o->certificate, NULL, error))
        return -1;
    return show(cli, error);
}

static int
run_import(KlCli *cli, char **words, GError **error)
{
    g_auto(ImportOptions) o = {.key_passphrase = KL_PASSPHRASE_SOURCE_INIT, .passphrase = KL_PASSPHRASE_SOURCE_INIT};
    const GOptionEntry entries[] = {
        {"key", 'k', 0, G_OPTION_ARG_FILENAME, &o.key, "The CA's private key: PEM, or a pkcs11: URI", "KEY"},
        {"certificate", 'c', 0, G_OPTION_ARG_FILENAME, &o.certificate, "The CA's certificate (and its chain), PEM",
         "FILE"},
        {"key-passphrase-file", 0, 0, G_OPTION_ARG_FILENAME, &o.key_passphrase.file,
         "Read the key file's passphrase from FILE", "FILE"},
        {"key-passphrase-fd", 0, 0, G_OPTION_ARG_INT, &o.key_passphrase.fd, "Read the key file's passphrase from fd N",
         "N"},
        KL_PASSPHRASE_ENTRIES(o.passphrase),
        {NULL},
    };
    if (!kl_cli_parse(cli, "keyline ca import", NULL,
                      "Takes over a certificate authority; its key is stored encrypted under the\nCA passphrase.",
                      entries, 0, 0, words, error) ||
        !check_absent(cli, error))
        return -1;
    if (o.key == NULL || o.certificate == NULL) {
        kl_fail(error, KL_ERROR_USAGE, "%s is missing", o.key == NULL ? "--key" : "--certificate");
        return -1;
    }
    return g_str_has_prefix(o.key, "pkcs11:") ? import_token(cli, &o, error) : import(cli, &o, error);
}

static int
run_show(KlCli *cli, char **words, GError **error)
{
    if (!kl_cli_parse(cli, "keyline ca show", NULL, "Shows the CA's certificate.", NULL, 0, 0, words, error))
        return -1;
    return show(cli, error);
}

/* A fingerprint in our form (64 lower-case hex digits) from what openssl prints and people paste. NULL: it is none. */
static char *
normal_fingerprint(const char *text)
{
    GString *normal = g_string_new(NULL);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != ':' && *p != ' ')
            g_string_append_c(normal, g_ascii_tolower(*p));
    }
    gboolean ok = normal->len == 64 && strspn(normal->str, "0123456789abcdef") == 64;
    return g_string_free(normal, !ok);
}

static void
print_revoked(const KlCli *cli, const char *fingerprint, KlTold told, const char *why)
{
    static const char *const names[] = {
        [KL_TOLD_NOBODY] = "unknown", [KL_TOLD_SENT] = "out", [KL_TOLD_QUEUED] = "queued"};
    if (cli->json) {
        g_autoptr(JsonBuilder) builder = json_builder_new();
        json_builder_begin_object(builder);
        kl_json_string(builder, "revoked", fingerprint);
        kl_json_string(builder, "aws", names[told]);
        kl_json_string(builder, "aws_waits_for", why);
        json_builder_end_object(builder);
        kl_json_print(builder);
        return;
    }
    printf("Revoked %s\n", fingerprint);
    if (told == KL_TOLD_SENT)
        printf("AWS has taken it out.\n");
    else if (told == KL_TOLD_QUEUED)
        printf("AWS was NOT told yet (%s).\nThat is queued: the running line tells it, or keyline registry push.\n",
               why);
    printf("Tell others with: keyline ca crl\n");
}

static int
run_revoke(KlCli *cli, char **words, GError **error)
{
    g_autofree char *reason = NULL;
    const GOptionEntry entries[] = {
        {"reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Why, for the record", "TEXT"},
        {NULL},
    };
    const char *about = "Revokes a certificate by its SHA-256 fingerprint (see keyline records show).\n"
                        "Where AWS knows it, takes it out there too, or says that this has to wait.\n"
                        "Tell others with keyline ca crl.";
    if (!kl_cli_parse(cli, "keyline ca revoke", "FINGERPRINT", about, entries, 1, 1, words, error))
        return -1;
    g_autofree char *fingerprint = normal_fingerprint(words[1]);
    if (fingerprint == NULL || reason == NULL || reason[0] == '\0') {
        kl_fail(error, KL_ERROR_USAGE, "%s",
                fingerprint == NULL ? "a fingerprint is 64 hex digits (SHA-256)" : "--reason is missing");
        return -1;
    }
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_RUN, NULL, error);
    if (station == NULL)
        return -1;
    KlTold told = KL_TOLD_NOBODY;
    g_autofree char *why = NULL;
    if (!kl_station_ca_revoke(station, fingerprint, reason, AWS_S, &told, &why, error) ||
        !kl_station_note_act(cli->dir, "revoke", fingerprint, reason, error))
        return -1;
    print_revoked(cli, fingerprint, told, why);
    return KL_EXIT_DONE;
}

static int
run_crl(KlCli *cli, char **words, GError **error)
{
    g_auto(KlPassphraseSource) source = KL_PASSPHRASE_SOURCE_INIT;
    int days = DEFAULT_CRL_DAYS;
    const GOptionEntry entries[] = {
        {"days", 'd', 0, G_OPTION_ARG_INT, &days, "When the next one is due (default 30)", "N"},
        KL_PASSPHRASE_ENTRIES(source),
        {NULL},
    };
    if (!kl_cli_parse(cli, "keyline ca crl", NULL, "Signs the list of all revoked certificates: ca/ca.crl.", entries, 0,
                      0, words, error) ||
        !check_days(days, error))
        return -1;
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_RUN, NULL, error);
    if (station == NULL || !kl_passphrase_unlock(station, &source, error))
        return -1;
    g_autofree char *path = kl_station_ca_crl(station, (guint)days, error);
    if (path == NULL)
        return -1;
    g_autofree char *text = g_strconcat("Wrote ", path, NULL);
    print_result(cli, "crl", path, text);
    return KL_EXIT_DONE;
}

/* For default mode: NULL without an error when the station's configuration says where it is. */
static gboolean
key_passphrase(const KlCli *cli, const KlPassphraseSource *source, KlSecret **passphrase, GError **error)
{
    g_autoptr(KlConfig) config = kl_config_load(cli->dir, error);
    if (config == NULL)
        return FALSE;
    if (!kl_passphrase_source_given(source) &&
        (config->passphrase_file != NULL || strstr(config->ca_key, "pin-source=") != NULL))
        return TRUE;
    *passphrase = kl_passphrase_get(source, NULL, "CA passphrase: ", FALSE, error);
    return *passphrase != NULL;
}

static void
print_registration(const KlCli *cli, const KlCaRegistration *done)
{
    if (!cli->json) {
        printf("CA certificate %s %s AWS IoT Core, mode %s; it %s active.\n", done->id,
               done->registered ? "is registered now with" : "was registered already with", done->mode,
               done->registered || done->activated ? "is now" : "was already");
        return;
    }
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_string(builder, "ca", done->id);
    kl_json_string(builder, "mode", done->mode);
    json_builder_set_member_name(builder, "registered_now");
    json_builder_add_boolean_value(builder, done->registered);
    json_builder_set_member_name(builder, "activated_now");
    json_builder_add_boolean_value(builder, done->registered || done->activated);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static int
run_register_aws(KlCli *cli, char **words, GError **error)
{
    g_auto(KlPassphraseSource) source = KL_PASSPHRASE_SOURCE_INIT;
    g_autofree char *mode = NULL;
    const GOptionEntry entries[] = {
        {"mode", 'm', 0, G_OPTION_ARG_STRING, &mode, "sni-only (default), or default", "MODE"},
        KL_PASSPHRASE_ENTRIES(source),
        {NULL},
    };
    const char *about = "Registers the CA with AWS IoT Core, which then takes what the CA signs\n"
                        "(signer=register). Doing it again does no harm. In mode sni-only units name\n"
                        "their host when they connect; mode default needs the CA's passphrase, and one\n"
                        "account of a region only may have the CA.";
    if (!kl_cli_parse(cli, "keyline ca register-aws", NULL, about, entries, 0, 0, words, error))
        return -1;
    gboolean default_mode = g_strcmp0(mode, "default") == 0;
    if (mode != NULL && !default_mode && strcmp(mode, "sni-only") != 0) {
        kl_fail(error, KL_ERROR_USAGE, "--mode %s: must be sni-only or default", mode);
        return -1;
    }
    g_autoptr(KlSecret) passphrase = NULL;
    g_auto(KlCaRegistration) done = {0};
    if ((default_mode && !key_passphrase(cli, &source, &passphrase, error)) ||
        !kl_station_ca_register(cli->dir, default_mode, passphrase, &done, error) ||
        !kl_station_note_act(cli->dir, "ca-register", done.id, NULL, error))
        return -1;
    print_registration(cli, &done);
    return KL_EXIT_DONE;
}

static const KlCommand commands[] = {
    {"init", "make a certificate authority", run_init},
    {"import", "take over one: a key and a certificate", run_import},
    {"show", "show the CA's certificate", run_show},
    {"revoke", "revoke a unit's certificate", run_revoke},
    {"crl", "sign the list of revoked certificates", run_crl},
    {"register-aws", "register the CA with AWS IoT Core", run_register_aws},
    {NULL, NULL, NULL},
};

int
kl_cmd_ca(KlCli *cli, char **words, GError **error)
{
    return kl_cli_run_group(cli, "keyline ca", "The certificate authority that signs the units' certificates.",
                            commands, words, error);
}
