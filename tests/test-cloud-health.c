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
        {{.queued = 0}, KL_CHIP_OK, "Cloud ready", {"The cloud has every row."}},
        {{.queued = 3, .oldest_us = NOW - MINUTE},
         KL_CHIP_OK,
         "Cloud · 3 queued",
         {"3 rows are kept here and will be sent."}},
        {{.queued = 1, .oldest_us = NOW - 11 * MINUTE},
         KL_CHIP_WARN,
         "Cloud · 1 queued",
         {"1 row is kept here and will be sent."}},
        /* Of the network: once. */
        {{.queued = 5, .oldest_us = NOW, .waiting_codes = {"NET_DOWN", "NET_DOWN", NULL}},
         KL_CHIP_WARN,
         "Cloud offline · 5 queued",
         {"The cloud can't be reached. Check the station's network cable, then retry.\n5 rows are kept"}},
        /* Of one kind of rows: which one. */
        {{.queued = 5, .oldest_us = NOW, .waiting_codes = {"CLOUD_DENIED", NULL, NULL}},
         KL_CHIP_BAD,
         "Cloud · 5 queued",
         {"Registration rows wait: The cloud account does not let the station do this.", "\n5 rows"}},
        {{.queued = 5, .oldest_us = NOW, .waiting_codes = {NULL, "CLOUD_MISSING", "CLOUD_LIMIT"}},
         KL_CHIP_BAD,
         "Cloud · 5 queued",
         {"Records wait: Something that the station needs", "\nOld certificates wait for their removal: A limit"}},
        {{.queued = 5, .oldest_us = NOW, .waiting_codes = {"CLOUD_UNAVAILABLE", "NET_DOWN", NULL}},
         KL_CHIP_WARN,
         "Cloud offline · 5 queued",
         {"Registration rows wait: The cloud service has trouble.", "\nThe cloud can't be reached."}},
        /* Of device numbers: that it is not rows. */
        {{.ids_code = "CLOUD_DENIED"},
         KL_CHIP_BAD,
         "Cloud · no new ids",
         {"The cloud has every row.\nNew device ids do not come: The cloud account does not let the station do this."}},
        {{.queued = 2, .oldest_us = NOW, .ids_code = "NET_DOWN"},
         KL_CHIP_WARN,
         "Cloud · 2 queued",
         {"2 rows are kept here and will be sent.\nNew device ids do not come: The cloud can't be reached."}},
        {{.parked = 2}, KL_CHIP_BAD, "Cloud · 2 parked", {"2 rows were put aside"}},
        {{.queued = 4, .parked = 1, .oldest_us = NOW, .waiting_codes = {"NET_DOWN", NULL, NULL}},
         KL_CHIP_BAD,
         "Cloud · 1 parked",
         {"1 row was put aside", "4 rows are kept"}},
        {{.waiting_codes = {"A_CODE_OF_A_NEWER_PROGRAM", NULL, NULL}, .ids_code = "ANOTHER"},
         KL_CHIP_OK,
         "Cloud ready",
         {"every row"}},
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
