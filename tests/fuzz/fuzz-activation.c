/* A message of any kind to the rules of first boot. The input is a line of letters that pick the row, the credentials
 * and the flags, the topic up to the next line end, and the payload. */
#include <string.h>

#include "station/activation/activation.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    return 0;
}

/* The row in the state that the letter picks; the payload serves as its parameters as well with a big letter. */
static KlRegistration *
make_row(char letter, const char *device, const char *payload, gsize length)
{
    static const char *const states[] = {"false", "requested", "ok", "?"};
    if (strchr("froxFROX", letter) == NULL || letter == '\0')
        return NULL;
    KlRegistration *row = g_new0(KlRegistration, 1);
    row->device = g_strdup(device);
    row->registered = g_strdup(states[strchr("frox", g_ascii_tolower(letter)) - "frox"]);
    row->parameters = g_ascii_isupper(letter) ? g_strndup(payload, length) : g_strdup("{\"topic\":\"t\"}");
    return row;
}

static void
check_publications(const KlActivationRules *rules, const KlActivation *a, const KlRegistration *row)
{
    for (guint i = 0; i < a->publications->len; i++) {
        KlPublication *p = a->publications->pdata[i];
        KlActivationMessage back = {.topic = p->topic};
        back.payload = g_bytes_get_data(p->payload, &back.length);
        KlTopic topic = kl_topic_parse(p->topic);
        g_assert_cmpint(topic.kind, ==, KL_TOPIC_OWN);
        g_assert_cmpstr(topic.device, ==, a->device);
        g_autoptr(KlActivation) nothing = kl_activation_judge(rules, &back, row);
        g_assert_cmpint(nothing->verdict, ==, KL_ACTIVATION_OWN);
    }
}

static void
check(const KlActivationRules *rules, const KlActivation *a, const KlRegistration *row)
{
    g_assert_nonnull(kl_activation_verdict_name(a->verdict));
    g_assert_true(row != NULL || (a->row == NULL && a->publications->len == 0));
    g_assert_true(a->csr == NULL || (g_bytes_get_size(a->csr) > 0 && a->verdict == KL_ACTIVATION_ANSWERED));
    g_assert_true((a->publications->len > 0) == (a->verdict == KL_ACTIVATION_ANSWERED));
    if (a->row != NULL)
        g_assert_true(g_str_equal(a->row->registered, "ok") <= !g_str_equal(row->registered, "false"));
    check_publications(rules, a, row);
    fuzz_accepted += a->row != NULL || a->publications->len > 0;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    const char *text = (const char *)data;
    const char *first = size > 3 ? memchr(text + 3, '\n', size - 3) : NULL;
    const char *second = first != NULL ? memchr(first + 1, '\n', size - (gsize)(first + 1 - text)) : NULL;
    if (second == NULL)
        return 0;
    g_autofree char *topic = g_strndup(first + 1, (gsize)(second - first - 1));
    gsize length = size - (gsize)(second + 1 - text);
    g_autofree char *payload = g_memdup2(second + 1, length);
    const KlActivationMessage message = {.topic = topic,
                                         .payload = payload,
                                         .length = length,
                                         .retained = text[2] == 'r',
                                         .again = text[2] == 'a',
                                         .sender = text[2] == 'f' ? topic : NULL};
    const KlActivationRules rules = {(KlCredentials)((guint8)text[1] % 3), 5};
    KlTopic parsed = kl_topic_parse(topic);
    g_autoptr(KlRegistration) row = make_row(text[0], parsed.device, payload, length);
    g_autoptr(KlActivation) a = kl_activation_judge(&rules, &message, row);
    g_assert_cmpstr(a->device, ==, parsed.device);
    check(&rules, a, row);
    g_autofree char *id = kl_activation_message_id(&message);
    g_assert_true(id == NULL || fuzz_is_printable(id));
    return 0;
}
