/* Claims of credentials, as every registration table of first boot has to keep them: cases for each back end. */
#pragma once

#include "tests/activation_scene.h"

static inline void
claim(KlActivationTable *table, const char *claimant, const char *csr, gint64 now_us, const char *pem, gboolean mine)
{
    g_auto(KlActivationCredential) credential = {0};
    g_autoptr(GBytes) bytes = g_bytes_new(csr, strlen(csr));
    g_assert_true(claim_device(table, claimant, bytes, FALSE, now_us, &credential));
    g_assert_cmpmem(g_bytes_get_data(credential.csr, NULL), g_bytes_get_size(credential.csr), "first", 5);
    g_assert_cmpstr(credential.pem, ==, pem);
    g_assert_true(credential.mine == mine);
    g_assert_cmpint(credential.since_us, ==, NOW);
}

static inline void
test_claims(Scene *scene, gconstpointer data)
{
    scene->back_end->make_units(scene, 1);
    KlActivationTable *table = scene_open(scene);
    g_autoptr(GBytes) first = g_bytes_new_static("first", 5), other = g_bytes_new_static("other", 5);
    g_autofree char *kept = NULL, *second = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_false(CALL(table, issued, DEVICE, first, "PEM", &kept, NULL, NULL));
    claim(table, "a", "first", NOW, NULL, TRUE);
    claim(table, "a", "first", NOW, NULL, TRUE);
    claim(table, "b", "second", NOW + 1, NULL, FALSE);
    claim(table, "b", "second", NOW + KL_ACTIVATION_CLAIM_US, NULL, FALSE);
    claim(table, "b", "second", NOW + KL_ACTIVATION_CLAIM_US + 1, NULL, TRUE);
    claim(table, "c", "third", NOW + KL_ACTIVATION_CLAIM_US + 2, NULL, FALSE);
    g_assert_true(CALL(table, release, DEVICE, "a", NULL, NULL)); /* is not a's any more */
    claim(table, "c", "third", NOW + KL_ACTIVATION_CLAIM_US + 2, NULL, FALSE);
    g_assert_true(CALL(table, release, DEVICE, "b", NULL, NULL));
    claim(table, "c", "third", NOW + KL_ACTIVATION_CLAIM_US + 2, NULL, TRUE);
    claim(table, "d", "early", NOW - KL_ACTIVATION_CLAIM_US, NULL, TRUE); /* c's clock was ahead */
    g_assert_false(CALL(table, issued, DEVICE, other, "PEM", &kept, NULL, &error));
    assert_code(error, ACTIVATION_BUSY);
    g_assert_true(CALL(table, issued, DEVICE, first, "PEM", &kept, NULL, NULL));
    g_assert_cmpstr(kept, ==, "PEM");
    g_assert_true(CALL(table, issued, DEVICE, first, "OTHER", &second, NULL, NULL));
    g_assert_cmpstr(second, ==, "PEM");
    claim(table, "e", "fifth", NOW + 10 * KL_ACTIVATION_CLAIM_US, "PEM", FALSE);
    g_assert_true(CALL(table, release, DEVICE, "d", NULL, NULL));
    assert_told(scene, row, DEVICE, "false|0|0");
}

/* What a claim that replaces brings: "REQUEST SINCE", and " mine" or the certificate. */
static inline char *
replace(KlActivationTable *table, const char *claimant, const char *csr, gint64 now_us)
{
    g_auto(KlActivationCredential) credential = {0};
    g_autoptr(GBytes) bytes = g_bytes_new(csr, strlen(csr));
    g_assert_true(claim_device(table, claimant, bytes, TRUE, now_us, &credential));
    return g_strdup_printf("%.*s %" G_GINT64_FORMAT "%s%s", (int)g_bytes_get_size(credential.csr),
                           (const char *)g_bytes_get_data(credential.csr, NULL), credential.since_us - NOW,
                           credential.mine ? " mine" : "", credential.pem != NULL ? credential.pem : "");
}

#define assert_replaced(table, claimant, csr, now, expected)                                                           \
    do {                                                                                                               \
        g_autofree char *replaced = replace(table, claimant, csr, NOW + (now));                                        \
        g_assert_cmpstr(replaced, ==, expected);                                                                       \
    } while (0)

/* Whose key is gone, is replaced by whoever takes the claim over, and by nobody else; never once there is a
 * certificate. */
static inline void
test_replaced(Scene *scene, gconstpointer data)
{
    const gint64 later = KL_ACTIVATION_CLAIM_US + 1;
    scene->back_end->make_units(scene, 1);
    KlActivationTable *table = scene_open(scene);
    g_autoptr(GBytes) first = g_bytes_new_static("first", 5), last = g_bytes_new_static("last", 4);
    g_autofree char *kept = NULL;
    g_autoptr(GError) error = NULL;
    assert_replaced(table, "a", "first", 0, "first 0 mine");
    assert_replaced(table, "a", "first", 0, "first 0 mine");
    assert_replaced(table, "b", "second", 5, "first 0");
    assert_replaced(table, "b", "second", later, "second 60000001 mine");
    assert_replaced(table, "c", "third", later + 1, "second 60000001");
    g_assert_false(CALL(table, issued, DEVICE, first, "PEM of first", &kept, NULL, &error));
    assert_code(error, ACTIVATION_BUSY);
    g_assert_true(CALL(table, release, DEVICE, "a", NULL, NULL)); /* is not a's any more */
    assert_replaced(table, "c", "third", later + 1, "second 60000001");
    g_assert_true(CALL(table, release, DEVICE, "b", NULL, NULL));
    assert_replaced(table, "c", "last", later + 2, "last 60000003 mine");
    g_assert_true(CALL(table, issued, DEVICE, last, "PEM", &kept, NULL, NULL));
    g_assert_true(CALL(table, release, DEVICE, "c", NULL, NULL));
    assert_replaced(table, "d", "fourth", 10 * later, "last 60000003PEM");
}

#define CLAIM_STEPS 60

/* One random call about a credential; what it comes to, in words. It gets no certificate at first, and then nothing
 * else could happen any more. */
static inline char *
random_claim(GRand *rand, KlActivationTable *table, gint64 now_us, gboolean may_issue)
{
    static const char *const names[] = {"a", "b", "c"};
    static const char *const requests[] = {"one", "two", "three", "four"};
    const char *claimant = names[g_rand_int_range(rand, 0, 3)], *csr = requests[g_rand_int_range(rand, 0, 4)];
    gboolean replaces = g_rand_boolean(rand);
    int what = g_rand_int_range(rand, 0, may_issue ? 4 : 3);
    g_auto(KlActivationCredential) credential = {0};
    g_autoptr(GBytes) bytes = g_bytes_new(csr, strlen(csr));
    g_autofree char *kept = NULL;
    if (what == 2)
        return g_strdup_printf("release %d", CALL(table, release, DEVICE, claimant, NULL, NULL));
    if (what == 3) {
        gboolean ok = CALL(table, issued, DEVICE, bytes, csr, &kept, NULL, NULL);
        return g_strdup_printf("issued %d %s", ok, kept != NULL ? kept : "");
    }
    g_assert_true(claim_device(table, claimant, bytes, replaces, now_us, &credential));
    return g_strdup_printf("%.*s %" G_GINT64_FORMAT " %d %s", (int)g_bytes_get_size(credential.csr),
                           (const char *)g_bytes_get_data(credential.csr, NULL), credential.since_us, credential.mine,
                           credential.pem != NULL ? credential.pem : "");
}

/* Both come to the same, whatever is called. */
static inline void
claims_side_by_side(KlActivationTable *table, KlActivationTable *other)
{
    guint32 seed = g_test_rand_int();
    g_autoptr(GRand) one = g_rand_new_with_seed(seed), two = g_rand_new_with_seed(seed);
    gint64 now_us = NOW;
    for (guint i = 0; i < CLAIM_STEPS; i++) {
        now_us += g_test_rand_int_range(-5, 25) * G_USEC_PER_SEC;
        gboolean may_issue = i > CLAIM_STEPS / 2;
        g_autofree char *here = random_claim(one, table, now_us, may_issue);
        g_autofree char *there = random_claim(two, other, now_us, may_issue);
        g_assert_cmpstr(here, ==, there);
    }
}
