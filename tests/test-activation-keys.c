/* create-keys: a private key that is made for a unit goes out once, with its certificate, and is kept nowhere. */
#include <pthread.h>

#include "tests/credential_rig.h"
#include "tests/key_search.h"

#define ANSWER_CERTIFICATE "bs/device/" DEVICE "/credentials/certificate "
#define ANSWER_KEY "bs/device/" DEVICE "/credentials/key "

static const KlActivationRules with_keys = {.credentials = KL_CREDENTIALS_CREATE_KEYS,
                                            .dangerous_send_private_keys_over_mqtt = TRUE};

/* A request that was answered; what a unit has from it. */
typedef struct {
    char *topics;
    char *certificate;
    char *key; /* NULL: none was in it */
    gboolean key_gone;
} Answer;

static void
answer_clear(Answer *answer)
{
    g_free(answer->topics);
    g_free(answer->certificate);
    g_free(answer->key);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answer, answer_clear)

static Answer
read_answer(const KlActivation *a)
{
    g_autoptr(GString) topics = g_string_new(NULL);
    Answer answer = {.key_gone = a->key_gone};
    for (guint i = 0; i < a->publications->len; i++) {
        const KlPublication *p = a->publications->pdata[i];
        char *text = g_strndup(g_bytes_get_data(p->payload, NULL), g_bytes_get_size(p->payload));
        g_string_append_printf(topics, "%s ", p->topic);
        if (g_str_has_suffix(p->topic, "/certificate"))
            answer.certificate = text;
        else if (g_str_has_suffix(p->topic, "/key"))
            answer.key = text;
        else
            g_free(text);
    }
    answer.topics = g_string_free(g_steal_pointer(&topics), FALSE);
    return answer;
}

static Answer
ask(const Csr *csr, const char *payload)
{
    g_autoptr(GError) error = NULL;
    const KlActivationMessage message = message_of(REQUEST, payload);
    g_autoptr(KlActivation) a = kl_activation_engine_handle(csr->engine, &message, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(kl_activation_verdict_name(a->verdict), ==, "answered");
    return read_answer(a);
}

/* openssl finds the certificate's issuer, and that the key is the certificate's, by its numbers and by its work. */
static void
assert_fits(const Csr *csr, const Answer *answer)
{
    g_assert_cmpstr(answer->topics, ==, ANSWER_CERTIFICATE ANSWER_KEY ANSWER);
    oracle_write(csr->dir, "c.pem", answer->certificate, -1);
    oracle_write(csr->dir, "k.pem", answer->key, -1);
    ORACLE(
        csr->dir,
        "openssl verify -x509_strict -purpose sslclient -CAfile ca/ca.pem c.pem &&"
        "openssl x509 -in c.pem -noout -subject | grep 'CN = " DEVICE "' && grep -c BEGIN c.pem | grep 2 &&"
        "head -1 k.pem | grep '^-----BEGIN PRIVATE KEY-----$' && openssl pkey -in k.pem -noout -check &&"
        "openssl pkey -in k.pem -text -noout | grep prime256v1 && openssl pkey -in k.pem | cmp - k.pem &&"
        "openssl x509 -in c.pem -noout -pubkey > a && openssl pkey -in k.pem -pubout > b && cmp a b &&"
        "echo text > t && openssl dgst -sha256 -sign k.pem -out s t && openssl dgst -sha256 -verify a -signature s t");
}

static void
test_once(Folder *folder, gconstpointer data)
{
    Csr csr;
    csr_set_up(&csr, folder->path, with_keys);
    g_auto(Answer) first = ask(&csr, "{\"id\":\"1\"}");
    assert_fits(&csr, &first);
    g_assert_false(first.key_gone);
    assert_row(folder->path, "requested|0|0");
    assert_key_nowhere(folder->dir, first.key); /* also in what is not checkpointed yet */

    /* the same message again (the service has died before it could publish), and others: no key, and no second one */
    static const char *const again[] = {"{\"id\":\"1\"}", "{\"id\":\"2\"}", "", "{\"csr\":\"AQID\"}"};
    for (guint i = 0; i < G_N_ELEMENTS(again); i++) {
        g_auto(Answer) later = ask(&csr, again[i]);
        g_assert_cmpstr(later.topics, ==, ANSWER_CERTIFICATE ANSWER);
        g_assert_cmpstr(later.certificate, ==, first.certificate);
        g_assert_true(later.key_gone);
    }
    g_assert_cmpuint(csr.signer.issued, ==, 1);
    assert_sql(folder->path,
               "SELECT count(*) FROM audit_events WHERE body -> '$.data.message' ->> '$.verdict' = 'answered' AND"
               " body -> '$.data.message' ->> '$.detail' LIKE 'create-keys: %'",
               "4");
    assert_sql(folder->path, "SELECT count(*) FROM audit_events WHERE type = 'credential'", "1");

    assert_handled(csr.engine, CONFIRM, "", "activated: ");
    assert_handled(csr.engine, REQUEST, "", "counted: ");

    /* a row that begins anew gets another one */
    g_free(sqlite(folder->path, "UPDATE registration SET registered = 'false'"));
    g_auto(Answer) anew = ask(&csr, "");
    assert_fits(&csr, &anew);
    g_assert_cmpstr(anew.key, !=, first.key);
    csr_tear_down(&csr);
    assert_key_nowhere(folder->dir, first.key);
    assert_key_nowhere(folder->dir, anew.key);
}

/* Whatever is lost before a certificate is kept, the next request gets one with its own key. */
static void
test_failing(Folder *folder, gconstpointer data)
{
    Csr csr;
    csr_set_up(&csr, folder->path, with_keys);
    csr.signer.fail = KL_ERROR_SIGNER_REFUSED;
    assert_handled(csr.engine, REQUEST, "{\"id\":\"1\"}", "SIGNER_REFUSED");
    assert_row(folder->path, "requested|0|0");
    csr.signer.fail = (KlErrorCode)0;
    csr.signer.lose = TRUE;
    assert_handled(csr.engine, REQUEST, "{\"id\":\"1\"}", "CLOUD_IN_DOUBT");
    csr.signer.lose = FALSE;

    /* somebody else who has claimed it, and died: nobody has the key for that request */
    g_free(sqlite(folder->path, "UPDATE activation_credentials SET claimant = 'x',"
                                " claimed_us = CAST(unixepoch() AS INTEGER) * 1000000"));
    assert_handled(csr.engine, REQUEST, "{\"id\":\"1\"}", "ACTIVATION_BUSY");
    g_free(sqlite(folder->path, "UPDATE activation_credentials SET claimed_us = claimed_us - 61000000"));
    g_auto(Answer) answer = ask(&csr, "{\"id\":\"1\"}");
    assert_fits(&csr, &answer);
    /* a certificate for a key that nobody has is not looked for: the lost one stays lost */
    g_assert_cmpuint(csr.signer.issued, ==, 2);
    g_assert_cmpuint(csr.signer.lookups, ==, 0);
    assert_sql(folder->path, "SELECT count(*) FROM audit_events WHERE type = 'credential'", "1");
    csr_tear_down(&csr);
}

typedef struct {
    const Csr *csr;
    const char *path;
    Answer answer;
} Overtaking;

/* A minute later, while the signer still works for the first one. */
static void
overtake(gpointer data)
{
    Overtaking *overtaking = data;
    g_free(sqlite(overtaking->path, "UPDATE activation_credentials SET claimed_us = claimed_us - 61000000"));
    overtaking->answer = ask(overtaking->csr, "{\"id\":\"2\"}");
}

/* Whoever is too slow for his claim has a certificate and a key that are nobody's, and sends neither. */
static void
test_overtaken(Folder *folder, gconstpointer data)
{
    Csr csr;
    csr_set_up(&csr, folder->path, with_keys);
    Overtaking overtaking = {&csr, folder->path, {NULL}};
    csr.signer.during = overtake;
    csr.signer.data = &overtaking;
    assert_handled(csr.engine, REQUEST, "{\"id\":\"1\"}", "ACTIVATION_BUSY");
    assert_fits(&csr, &overtaking.answer);
    g_auto(Answer) first = ask(&csr, "{\"id\":\"1\"}");
    g_assert_cmpstr(first.topics, ==, ANSWER_CERTIFICATE ANSWER);
    g_assert_cmpstr(first.certificate, ==, overtaking.answer.certificate);
    g_assert_cmpuint(csr.signer.issued, ==, 2);
    answer_clear(&overtaking.answer);
    csr_tear_down(&csr);
}

/* --- several services, several threads, one unit that asks them all --- */

#define ASKING 4
#define TIMES 6

typedef struct {
    const Csr *csr;
    KlActivationEngine *engine;
    pthread_barrier_t *start;
    guint n;
    Answer answers[TIMES];
} Asking;

static void *
keep_asking(void *data)
{
    Asking *asking = data;
    pthread_barrier_wait(asking->start);
    for (guint i = 0; i < TIMES; i++) {
        /* two of them get the same messages */
        g_autofree char *payload = g_strdup_printf("{\"id\":\"%u-%u\"}", asking->n / 2, i);
        const KlActivationMessage message = message_of(REQUEST, payload);
        g_autoptr(KlActivation) a = NULL;
        while (a == NULL) {
            g_autoptr(GError) error = NULL;
            a = kl_activation_engine_handle(asking->engine, &message, NULL, &error);
            if (a == NULL)
                assert_code(error, ACTIVATION_BUSY);
        }
        asking->answers[i] = read_answer(a);
    }
    return NULL;
}

static void
test_side_by_side(Folder *folder, gconstpointer data)
{
    Csr csr;
    csr_set_up(&csr, folder->path, with_keys);
    KlActivationParts parts = csr.parts;
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    parts.table = table;
    g_autoptr(KlActivationEngine) other = make_engine(&parts);
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, ASKING);
    Asking asking[ASKING];
    pthread_t threads[ASKING];
    for (guint i = 0; i < ASKING; i++) {
        asking[i] = (Asking){&csr, i % 2 != 0 ? other : csr.engine, &start, i, {{NULL}}};
        g_assert_cmpint(pthread_create(&threads[i], NULL, keep_asking, &asking[i]), ==, 0);
    }
    guint keys = 0;
    const char *certificate = NULL;
    for (guint i = 0; i < ASKING; i++) {
        pthread_join(threads[i], NULL);
        for (guint k = 0; k < TIMES; k++) {
            const Answer *answer = &asking[i].answers[k];
            if (answer->key != NULL)
                assert_fits(&csr, answer);
            keys += answer->key != NULL;
            g_assert_true(answer->key_gone == (answer->key == NULL));
            g_assert_true(certificate == NULL || g_str_equal(certificate, answer->certificate));
            certificate = answer->certificate;
        }
    }
    pthread_barrier_destroy(&start);
    g_assert_cmpuint(keys, ==, 1);
    g_assert_cmpuint(csr.signer.issued, ==, 1);
    for (guint i = 0; i < ASKING * TIMES; i++)
        answer_clear(&asking[i / TIMES].answers[i % TIMES]);
    csr_tear_down(&csr);
}

/* --- only for who says so twice --- */

static void
test_parts(void)
{
    static const struct {
        KlCredentials credentials;
        gboolean dangerous, fits;
    } rows[] = {
        {KL_CREDENTIALS_CREATE_KEYS, FALSE, FALSE}, {KL_CREDENTIALS_CREATE_KEYS, TRUE, TRUE},
        {KL_CREDENTIALS_CSR, TRUE, FALSE},          {KL_CREDENTIALS_CSR, FALSE, TRUE},
        {KL_CREDENTIALS_FACTORY, TRUE, FALSE},      {KL_CREDENTIALS_FACTORY, FALSE, TRUE},
    };
    KlProfile profile = oracle_profile();
    KlSigner signer = {&signer_class, 0};
    KlPki pki = {NULL};
    KlActivationParts parts = {.signer = &signer, .pki = &pki, .profile = &profile};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        parts.rules.credentials = rows[i].credentials;
        parts.rules.dangerous_send_private_keys_over_mqtt = rows[i].dangerous;
        g_autoptr(KlActivationEngine) engine = kl_activation_engine_new(&parts, &error);
        g_assert_true((engine != NULL) == rows[i].fits);
        if (engine == NULL)
            assert_code(error, CONFIG_INVALID);
    }
    parts.rules = with_keys;
    parts.signer = NULL;
    g_assert_null(kl_activation_engine_new(&parts, NULL));
}

static const FolderTest tests[] = {
    {"/activation-keys/once", test_once},
    {"/activation-keys/failing", test_failing},
    {"/activation-keys/overtaken", test_overtaken},
    {"/activation-keys/side-by-side", test_side_by_side},
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    g_test_add_func("/activation-keys/parts", test_parts);
    return g_test_run();
}
