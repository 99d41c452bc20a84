/* Two slots with one IMEI: both are stopped, and stay stopped until each lets go; but a unit that went from one to the
 * other is one unit. */
#include "station/claims.h"

#include <pthread.h>
#include <string.h>

#include "station/error.h"

#define IMEI "352653090215245"
#define OTHER "490154203237518"

/* What is plugged in in the slots whose addresses are "1" to "9". */
static guint64 plugs[] = {[1] = 1, 1, 1, 1, 1};

static guint64
look(const char *address)
{
    return plugs[address[0] - '0'];
}

/* As the job of a slot that has just identified what stands there; "01" is at "1". */
static void
take(KlClaims *claims, const char *imei, const char *slot)
{
    const char *address = slot + 1;
    const KlClaimUnit unit = {look, address, look(address)};
    kl_claims_take(claims, imei, slot, &unit);
}

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
    take(claims, IMEI, "01");
    take(claims, IMEI, "01"); /* a retry of the step */
    take(claims, OTHER, "02");
    assert_free(claims, IMEI, "01");
    assert_free(claims, OTHER, "02");
    kl_claims_drop(claims, IMEI, "01");
    take(claims, IMEI, "02"); /* the unit moved on */
    assert_free(claims, IMEI, "02");
}

static void
test_contested(void)
{
    g_autoptr(KlClaims) claims = kl_claims_new();
    take(claims, IMEI, "01");
    take(claims, IMEI, "02");
    assert_contested(claims, IMEI, "01");
    assert_contested(claims, IMEI, "02");

    kl_claims_drop(claims, IMEI, "02");
    assert_contested(claims, IMEI, "01");
    take(claims, IMEI, "01"); /* taking it again is not letting go */
    assert_contested(claims, IMEI, "01");
    take(claims, IMEI, "03");
    assert_contested(claims, IMEI, "03");

    kl_claims_drop(claims, IMEI, "01");
    kl_claims_drop(claims, IMEI, "03");
    take(claims, IMEI, "01");
    assert_free(claims, IMEI, "01");
}

static void
assert_lost(KlClaims *claims, const char *slot, const char *to)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_claims_check(claims, IMEI, slot, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_UNIT_REMOVED);
    g_assert_nonnull(strstr(error->message, to));
}

/* Pulled out, or something else there: the unit is not there any more. */
static void
test_moved(void)
{
    static const guint64 now[] = {0, 2};
    for (guint i = 0; i < G_N_ELEMENTS(now); i++) {
        g_autoptr(KlClaims) claims = kl_claims_new();
        take(claims, IMEI, "01");
        g_assert_true(kl_claims_alone(claims, IMEI));
        plugs[1] = now[i];
        assert_free(claims, IMEI, "01"); /* it may come back */
        take(claims, IMEI, "02");
        assert_free(claims, IMEI, "02");
        assert_lost(claims, "01", "02");
        g_assert_false(kl_claims_alone(claims, IMEI));

        plugs[2] = 0; /* and on */
        take(claims, IMEI, "03");
        assert_free(claims, IMEI, "03");
        assert_lost(claims, "01", "03");
        assert_lost(claims, "02", "03");
        kl_claims_drop(claims, IMEI, "01");
        g_assert_false(kl_claims_alone(claims, IMEI));
        kl_claims_drop(claims, IMEI, "02");
        g_assert_true(kl_claims_alone(claims, IMEI));
        assert_free(claims, IMEI, "03");
        plugs[1] = plugs[2] = 1;
    }
}

/* What had lost its unit identifies it again: there are two of them, unless it came back from where it went. */
static void
test_back(void)
{
    for (guint moves = 0; moves < 2; moves++) {
        g_autoptr(KlClaims) claims = kl_claims_new();
        take(claims, IMEI, "01");
        plugs[1] = 0;
        take(claims, IMEI, "02");
        plugs[1] = 3;
        plugs[2] = moves > 0 ? 0 : 1;
        take(claims, IMEI, "01");
        if (moves > 0) {
            assert_free(claims, IMEI, "01");
            assert_lost(claims, "02", "01");
        } else {
            assert_contested(claims, IMEI, "01");
            assert_contested(claims, IMEI, "02");
        }
        plugs[1] = plugs[2] = 1;
    }
}

/* A unit that restarted in its slot is still there, under another number. */
static void
test_restarted(void)
{
    g_autoptr(KlClaims) claims = kl_claims_new();
    take(claims, IMEI, "01");
    plugs[1] = 5;
    take(claims, IMEI, "01");
    take(claims, IMEI, "02");
    assert_contested(claims, IMEI, "01");
    assert_contested(claims, IMEI, "02");
    plugs[1] = 1;
}

static void
test_without_claim(void)
{
    g_autoptr(KlClaims) claims = kl_claims_new();
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_claims_check(claims, IMEI, "01", &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_INTERNAL);
    kl_claims_drop(claims, IMEI, "01");
    take(claims, IMEI, "01");
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
        take(racer->claims, IMEI, racer->slot);
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
        g_snprintf(racers[i].slot, sizeof racers[i].slot, "%02u", i + 1);
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
    g_test_add_func("/claims/moved", test_moved);
    g_test_add_func("/claims/back", test_back);
    g_test_add_func("/claims/restarted", test_restarted);
    g_test_add_func("/claims/without-claim", test_without_claim);
    g_test_add_func("/claims/race", test_race);
    return g_test_run();
}
