/* What has to pass when a unit rehearses its first boot: the right exchange, and every way to differ from it. */
#include "station/activation/rehearsal_script.h"

#include <string.h>

#include "station/error.h"

#define DEVICE "FX30-000001"
#define TOPIC "$aws/things/" DEVICE "/shadow/update"
#define PARAMETERS "{\"topic\":\"" TOPIC "\",\"interval\":60}"
#define BS "bs/device/" DEVICE "/"
#define DM "dm/device/" DEVICE "/"

static const KlRegistration row = {
    (char *)DEVICE, (char *)"false", (char *)"policy", (char *)"main", (char *)PARAMETERS, 0, 0};

/* One message: "> TOPIC VERDICT PAYLOAD" by the unit, "< TOPIC PAYLOAD" to it; "-": no payload, or no verdict. */
#define REQUEST "> " BS "register/request answered {\"id\":\"1\"}"
#define ANSWER "< " BS "parameters/ " PARAMETERS
#define ANSWER_TOPIC "< " BS "parameters/topic " TOPIC
#define CONFIRM "> " BS "register/ok activated {\"id\":\"2\"}"
#define TELEMETRY "> " TOPIC " malformed {\"a\":1}"
#define ASK "> " DM "version/request software {\"id\":\"3\"}"
#define VERSION "> " DM "update/ok version {\"version\":7}"

static char *software_parameters, *software_content; /* as messages */

static KlSoftware *
software(void)
{
    KlSoftware *software = g_new0(KlSoftware, 1);
    software->version = 7;
    software->content = g_bytes_new("print()", 7);
    software->signature = g_strdup("MEUCIQ==");
    return software;
}

typedef struct {
    const char *what;
    const char *messages[12];
    const char *ends; /* "done", what is missing, or the code of the last message */
    gboolean software, telemetry;
} Case;

static const Case cases[] = {
    {"all of it", {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, TELEMETRY}, "done", FALSE, TRUE},
    {"no telemetry wanted", {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM}, "done", FALSE, FALSE},
    {"no telemetry wanted, and it comes", {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, TELEMETRY}, "done", FALSE, FALSE},
    {"with software",
     {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, ASK, "SP", "SC", VERSION, TELEMETRY},
     "done",
     TRUE,
     TRUE},
    {"asked for by its other name",
     {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, "> " DM "update/request software {}", "SP", "SC", VERSION, TELEMETRY},
     "done",
     TRUE,
     TRUE},
    {"telemetry goes on",
     {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, TELEMETRY, "> " TOPIC " malformed {\"a\":2}"},
     "done",
     FALSE,
     TRUE},
    {"a redelivery of each",
     {REQUEST, REQUEST, ANSWER, ANSWER_TOPIC, ANSWER, ANSWER_TOPIC, CONFIRM, CONFIRM, REQUEST, TELEMETRY},
     "done",
     FALSE,
     TRUE},
    {"asks for software that there is not",
     {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, "> " DM "version/request no-software {}", TELEMETRY},
     "done",
     FALSE,
     TRUE},
    {"nothing", {NULL}, "its request", FALSE, TRUE},
    {"no answer", {REQUEST}, "the answer to its request", FALSE, TRUE},
    {"half an answer", {REQUEST, ANSWER}, "the answer to its request", FALSE, TRUE},
    {"no confirmation", {REQUEST, ANSWER, ANSWER_TOPIC}, "its confirmation", FALSE, TRUE},
    {"no telemetry", {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM}, "its telemetry", FALSE, TRUE},
    {"no question", {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM}, "its request for its software", TRUE, TRUE},
    {"half its software", {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, ASK, "SP"}, "its software", TRUE, TRUE},
    {"software in silence",
     {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, ASK, "SP", "SC"},
     "its word that it took its software",
     TRUE,
     TRUE},

    {"telemetry at once", {TELEMETRY}, "REHEARSAL_MISMATCH", FALSE, TRUE},
    {"a confirm at once", {"> " BS "register/ok early-confirm {}"}, "REHEARSAL_MISMATCH", FALSE, TRUE},
    {"a confirm before the answer", {REQUEST, CONFIRM}, "REHEARSAL_MISMATCH", FALSE, TRUE},
    {"telemetry before the confirm", {REQUEST, ANSWER, ANSWER_TOPIC, TELEMETRY}, "REHEARSAL_MISMATCH", FALSE, FALSE},
    {"telemetry before its software",
     {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, TELEMETRY},
     "REHEARSAL_MISMATCH",
     TRUE,
     TRUE},
    {"asks for software too early",
     {REQUEST, ANSWER, ANSWER_TOPIC, "> " DM "version/request not-active {}"},
     "REHEARSAL_MISMATCH",
     FALSE,
     TRUE},
    {"another request",
     {REQUEST, "> " BS "register/request answered {\"id\":\"9\"}"},
     "REHEARSAL_MISMATCH",
     FALSE,
     TRUE},
    {"a request that is counted", {"> " BS "register/request counted {}"}, "REHEARSAL_MISMATCH", FALSE, TRUE},
    {"a request that is malformed", {"> " BS "register/request malformed x"}, "REHEARSAL_MISMATCH", FALSE, TRUE},
    {"a row without parameters", {"> " BS "register/request bad-row {}"}, "REHEARSAL_PARAMETERS", FALSE, TRUE},
    {"other parameters", {REQUEST, "< " BS "parameters/ {}"}, "REHEARSAL_MISMATCH", FALSE, TRUE},
    {"another topic", {REQUEST, ANSWER, "< " BS "parameters/topic elsewhere"}, "REHEARSAL_MISMATCH", FALSE, TRUE},
    {"a key", {REQUEST, "< " BS "credentials/key secret"}, "REHEARSAL_MISMATCH", FALSE, TRUE},
    {"software without asking", {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, "SP"}, "REHEARSAL_MISMATCH", TRUE, TRUE},
    {"software that there is not",
     {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, "> " DM "version/request no-software {}"},
     "REHEARSAL_SOFTWARE",
     TRUE,
     TRUE},
    {"another version",
     {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, ASK, "SP", "SC", "> " DM "update/ok version {\"version\":6}"},
     "REHEARSAL_SOFTWARE",
     TRUE,
     TRUE},
    {"a version of nothing", {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, VERSION}, "REHEARSAL_MISMATCH", FALSE, TRUE},
    {"telemetry that is none",
     {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, "> " TOPIC " malformed 5"},
     "REHEARSAL_MISMATCH",
     FALSE,
     TRUE},
    {"empty telemetry",
     {REQUEST, ANSWER, ANSWER_TOPIC, CONFIRM, "> " TOPIC " malformed -"},
     "REHEARSAL_MISMATCH",
     FALSE,
     TRUE},
    {"could not be handled", {"> " BS "register/request ! {}"}, "STORE_FULL", FALSE, TRUE},
    {"a confirm that could not be handled",
     {REQUEST, ANSWER, ANSWER_TOPIC, "> " BS "register/ok ! {}"},
     "STORE_FULL",
     FALSE,
     TRUE},
};

static gboolean
take(KlRehearsalScript *script, const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, " ", text[0] == '<' ? 3 : 4);
    gboolean out = text[0] == '<';
    const char *payload = parts[out ? 2 : 3];
    g_autofree char *note = NULL;
    g_autoptr(GError) trouble = g_error_new_literal(KL_ERROR, KL_ERROR_STORE_FULL, "full");
    g_autoptr(GBytes) bytes = strcmp(payload, "-") == 0 ? g_bytes_new(NULL, 0) : g_bytes_new(payload, strlen(payload));
    gboolean failed = !out && strcmp(parts[2], "!") == 0;
    const KlRehearsalMessage message = {.out = out,
                                        .topic = parts[1],
                                        .payload = bytes,
                                        .verdict = out || failed ? NULL : parts[2],
                                        .error = failed ? trouble : NULL};
    g_assert_true(kl_rehearsal_script_covers(script, parts[1]));
    gboolean ok = kl_rehearsal_script_take(script, &message, &note, error);
    /* the evidence: topic, length and hash of it */
    g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
    g_assert_nonnull(strstr(note, parts[1]));
    g_assert_nonnull(strstr(note, sha256));
    return ok;
}

static void
test_cases(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *c = &cases[i];
        g_autoptr(KlSoftware) own = c->software ? software() : NULL;
        g_autoptr(KlRehearsalScript) script = kl_rehearsal_script_new(&row, own, c->telemetry);
        g_autoptr(GError) error = NULL;
        const char *ended = NULL;
        for (guint m = 0; c->messages[m] != NULL; m++) {
            const char *text = c->messages[m];
            text = g_str_equal(text, "SP") ? software_parameters : g_str_equal(text, "SC") ? software_content : text;
            g_assert_no_error(error); /* only the last one may fail */
            if (!take(script, text, &error))
                ended = kl_error_name(kl_error_code(error));
        }
        if (ended == NULL)
            ended = kl_rehearsal_script_missing(script) != NULL ? kl_rehearsal_script_missing(script) : "done";
        if (strcmp(ended, c->ends) != 0)
            g_error("%s: %s, not %s (%s)", c->what, ended, c->ends, error != NULL ? error->message : "");
    }
}

/* Every proper part of the exchange, with one message left out, is never the whole. */
static void
test_left_out(void)
{
    const char *const all[] = {REQUEST,          ANSWER,  ANSWER_TOPIC, CONFIRM, ASK, software_parameters,
                               software_content, VERSION, TELEMETRY};
    g_autoptr(KlSoftware) own = software();
    for (guint left_out = 0; left_out < G_N_ELEMENTS(all); left_out++) {
        g_autoptr(KlRehearsalScript) script = kl_rehearsal_script_new(&row, own, TRUE);
        for (guint m = 0; m < G_N_ELEMENTS(all); m++) {
            if (m != left_out && !take(script, all[m], NULL))
                break;
        }
        g_assert_nonnull(kl_rehearsal_script_missing(script));
    }
}

static void
test_covers(void)
{
    g_autoptr(KlRehearsalScript) script = kl_rehearsal_script_new(&row, NULL, TRUE);
    g_assert_true(kl_rehearsal_script_covers(script, TOPIC));
    g_assert_true(kl_rehearsal_script_covers(script, BS "register/ok"));
    g_assert_false(kl_rehearsal_script_covers(script, "bs/device/FX30-000002/register/ok"));
    g_assert_false(kl_rehearsal_script_covers(script, "$aws/things/FX30-000002/shadow/update"));
    g_assert_false(kl_rehearsal_script_covers(script, ""));
}

static char *
as_message(const KlPublication *publication)
{
    return g_strdup_printf("< %s %.*s", publication->topic, (int)g_bytes_get_size(publication->payload),
                           (const char *)g_bytes_get_data(publication->payload, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_autoptr(KlSoftware) own = software();
    g_autoptr(GPtrArray) publications = kl_software_publications(DEVICE, own);
    g_autofree char *parameters = as_message(publications->pdata[0]);
    g_autofree char *content = as_message(publications->pdata[1]);
    software_parameters = parameters;
    software_content = content;
    g_test_add_func("/rehearsal-script/cases", test_cases);
    g_test_add_func("/rehearsal-script/left-out", test_left_out);
    g_test_add_func("/rehearsal-script/covers", test_covers);
    return g_test_run();
}
