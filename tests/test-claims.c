/* Two slots with one IMEI: both are stopped, and stay stopped until each lets go. */
#include "station/claims.h"

#include <pthread.h>

#include "station/error.h"

#define IMEI "352653090215245"
#define OTHER "490154203237518"

static void
assert_free(KlClaims *claims, const char *imei, const char *slot)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_claims_check(claims, imei, slot, &error));
    g_assert_no_error(error);
}

static void
assert_contested(KlClaims *claims, const char *imei, const char *slot)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_claims_check(claims, imei, slot, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_DUPLICATE_IMEI);
}

static void
test_alone(void)
{
    g_autoptr(KlClaims) claims = kl_claims_new();
    kl_claims_take(claims, IMEI, "01");
    kl_claims_take(claims, IMEI, "01"); /* a retry of the step */
    kl_claims_take(claims, OTHER, "02");
    assert_free(claims, IMEI, "01");
    assert_free(claims, OTHER, "02");
    kl_claims_drop(claims, IMEI, "01");
    kl_claims_take(claims, IMEI, "02"); /* the unit moved on */
    assert_free(claims, IMEI, "02");
}

static void
test_contested(void)
{
    g_autoptr(KlClaims) claims = kl_claims_new();
    kl_claims_take(claims, IMEI, "01");
    kl_claims_take(claims, IMEI, "02");
    assert_contested(claims, IMEI, "01");
    assert_contested(claims, IMEI, "02");

    kl_claims_drop(claims, IMEI, "02");
    assert_contested(claims, IMEI, "01");
    kl_claims_take(claims, IMEI, "01"); /* taking it again is not letting go */
    assert_contested(claims, IMEI, "01");
    kl_claims_take(claims, IMEI, "03");
    assert_contested(claims, IMEI, "03");

    kl_claims_drop(claims, IMEI, "01");
    kl_claims_drop(claims, IMEI, "03");
    kl_claims_take(claims, IMEI, "01");
    assert_free(claims, IMEI, "01");
}

static void
test_without_claim(void)
{
    g_autoptr(KlClaims) claims = kl_claims_new();
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_claims_check(claims, IMEI, "01", &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_INTERNAL);
    kl_claims_drop(claims, IMEI, "01");
    kl_claims_take(claims, IMEI, "01");
    kl_claims_drop(claims, IMEI, "02");
    assert_free(claims, IMEI, "01");
    kl_claims_free(NULL);
}

typedef struct {
    KlClaims *claims;
    char slot[8];
    pthread_barrier_t *all_took;
    guint stopped;
} Racer;

static void *
race(void *data)
{
    Racer *racer = data;
    for (guint round = 0; round < 200; round++) {
        kl_claims_take(racer->claims, IMEI, racer->slot);
        pthread_barrier_wait(racer->all_took);
        racer->stopped += !kl_claims_check(racer->claims, IMEI, racer->slot, NULL);
        pthread_barrier_wait(racer->all_took);
        kl_claims_drop(racer->claims, IMEI, racer->slot);
        pthread_barrier_wait(racer->all_took);
    }
    return NULL;
}

/* Whoever comes first, all of them are stopped. */
static void
test_race(void)
{
    g_autoptr(KlClaims) claims = kl_claims_new();
    pthread_barrier_t all_took;
    pthread_barrier_init(&all_took, NULL, 4);
    pthread_t threads[4];
    Racer racers[4];
    for (guint i = 0; i < 4; i++) {
        racers[i] = (Racer){.claims = claims, .all_took = &all_took};
        g_snprintf(racers[i].slot, sizeof racers[i].slot, "%02u", i);
        pthread_create(&threads[i], NULL, race, &racers[i]);
    }
    for (guint i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        g_assert_cmpuint(racers[i].stopped, ==, 200);
    }
    pthread_barrier_destroy(&all_took);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/claims/alone", test_alone);
    g_test_add_func("/claims/contested", test_contested);
    g_test_add_func("/claims/without-claim", test_without_claim);
    g_test_add_func("/claims/race", test_race);
    return g_test_run();
}
