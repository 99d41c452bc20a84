/* What the chip of the cloud says of the outbox. */
#include <glib.h>
#include <string.h>

#include "gui/cloud_health.h"

#define MINUTE (60 * (gint64)G_USEC_PER_SEC)
#define NOW (1000 * MINUTE)

static void
test_words(void)
{
    static const struct {
        KlOutboxStatus status;
        KlChipLevel level;
        const char *words, *details[2];
    } table[] = {
        {{0, 0, 0, NULL}, KL_CHIP_OK, "Cloud ready", {"The cloud has every row."}},
        {{3, 0, NOW - MINUTE, NULL}, KL_CHIP_OK, "Cloud · 3 queued", {"3 rows are kept here and will be sent."}},
        {{1, 0, NOW - 11 * MINUTE, NULL}, KL_CHIP_WARN, "Cloud · 1 queued", {"1 row is kept here and will be sent."}},
        {{5, 0, NOW, "NET_DOWN"},
         KL_CHIP_WARN,
         "Cloud offline · 5 queued",
         {"Check the station's network cable", "5 rows are kept"}},
        {{5, 0, NOW, "CLOUD_DENIED"}, KL_CHIP_BAD, "Cloud · 5 queued", {"does not let the station do this", "5 rows"}},
        {{0, 0, 0, "IDS_EXHAUSTED"}, KL_CHIP_BAD, "Cloud trouble", {"no device ids left"}},
        {{0, 2, 0, NULL}, KL_CHIP_BAD, "Cloud · 2 parked", {"2 rows were put aside"}},
        {{4, 1, NOW, "NET_DOWN"}, KL_CHIP_BAD, "Cloud · 1 parked", {"1 row was put aside", "4 rows are kept"}},
        {{0, 0, 0, "A_CODE_OF_A_NEWER_PROGRAM"}, KL_CHIP_OK, "Cloud ready", {"every row"}},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(KlCloudHealth) health = kl_cloud_health_new(&table[i].status, NOW);
        g_assert_cmpint(health->level, ==, table[i].level);
        g_assert_cmpstr(health->words, ==, table[i].words);
        for (guint k = 0; k < G_N_ELEMENTS(table[i].details) && table[i].details[k] != NULL; k++)
            g_assert_nonnull(strstr(health->details, table[i].details[k]));
    }
}

static void
test_locked(void)
{
    g_autoptr(KlCloudHealth) health = kl_cloud_health_new(NULL, NOW);
    g_assert_cmpint(health->level, ==, KL_CHIP_WARN);
    g_assert_cmpstr(health->words, ==, "Cloud waits");
    g_assert_nonnull(health->details);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cloud-health/words", test_words);
    g_test_add_func("/cloud-health/locked", test_locked);
    return g_test_run();
}
