#include "station/claims.h"

#include <pthread.h>

#include "station/error.h"

/* One slot's claim on one IMEI. */
typedef struct {
    char *slot;
    KlClaimUnit unit;
    gboolean contested;
    char *moved_to; /* the slot that its unit went to, or NULL */
} Claim;

struct KlClaims {
    pthread_mutex_t mutex;
    GHashTable *by_imei; /* IMEI -> GPtrArray of Claim */
};

static void
claim_free(gpointer data)
{
    Claim *claim = data;
    g_free(claim->slot);
    g_free(claim->moved_to);
    g_free(claim);
}

KlClaims *
kl_claims_new(void)
{
    KlClaims *claims = g_new0(KlClaims, 1);
    pthread_mutex_init(&claims->mutex, NULL);
    claims->by_imei = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    return claims;
}

void
kl_claims_free(KlClaims *claims)
{
    if (claims == NULL)
        return;
    g_hash_table_unref(claims->by_imei);
    pthread_mutex_destroy(&claims->mutex);
    g_free(claims);
}

static Claim *
find(GPtrArray *holders, const char *slot)
{
    for (guint i = 0; holders != NULL && i < holders->len; i++) {
        Claim *claim = g_ptr_array_index(holders, i);
        if (strcmp(claim->slot, slot) == 0)
            return claim;
    }
    return NULL;
}

static Claim *
add(KlClaims *claims, GPtrArray *holders, const char *imei, const char *slot)
{
    if (holders == NULL) {
        holders = g_ptr_array_new_with_free_func(claim_free);
        g_hash_table_insert(claims->by_imei, g_strdup(imei), holders);
    }
    Claim *claim = g_new0(Claim, 1);
    claim->slot = g_strdup(slot);
    g_ptr_array_add(holders, claim);
    return claim;
}

static gboolean
unit_there(const KlClaimUnit *unit)
{
    guint64 plug = unit->look(unit->address);
    return plug != 0 && plug == unit->plug;
}

static void
take(KlClaims *claims, const char *imei, const char *slot, const KlClaimUnit *unit)
{
    GPtrArray *holders = g_hash_table_lookup(claims->by_imei, imei);
    Claim *claim = find(holders, slot);
    if (claim == NULL)
        claim = add(claims, holders, imei, slot);
    holders = g_hash_table_lookup(claims->by_imei, imei);
    claim->unit = *unit;
    g_clear_pointer(&claim->moved_to, g_free);
    for (guint i = 0; i < holders->len; i++) {
        Claim *other = g_ptr_array_index(holders, i);
        if (other == claim)
            continue;
        if (unit_there(&other->unit)) {
            claim->contested = other->contested = TRUE;
        } else {
            g_free(other->moved_to);
            other->moved_to = g_strdup(slot);
        }
    }
}

void
kl_claims_take(KlClaims *claims, const char *imei, const char *slot, const KlClaimUnit *unit)
{
    pthread_mutex_lock(&claims->mutex);
    take(claims, imei, slot, unit);
    pthread_mutex_unlock(&claims->mutex);
}

gboolean
kl_claims_check(KlClaims *claims, const char *imei, const char *slot, GError **error)
{
    pthread_mutex_lock(&claims->mutex);
    const Claim *claim = find(g_hash_table_lookup(claims->by_imei, imei), slot);
    gboolean held = claim != NULL;
    gboolean contested = held && claim->contested;
    g_autofree char *moved_to = held ? g_strdup(claim->moved_to) : NULL;
    pthread_mutex_unlock(&claims->mutex);

    if (!held)
        return kl_fail(error, KL_ERROR_INTERNAL, "slot %s has no claim on IMEI %s", slot, imei);
    if (contested)
        return kl_fail(error, KL_ERROR_DUPLICATE_IMEI, "IMEI %s also answers in another slot than %s", imei, slot);
    if (moved_to != NULL)
        return kl_fail(error, KL_ERROR_UNIT_REMOVED, "IMEI %s now answers in slot %s", imei, moved_to);
    return TRUE;
}

gboolean
kl_claims_alone(KlClaims *claims, const char *imei)
{
    pthread_mutex_lock(&claims->mutex);
    const GPtrArray *holders = g_hash_table_lookup(claims->by_imei, imei);
    gboolean alone = holders == NULL || holders->len == 1;
    pthread_mutex_unlock(&claims->mutex);
    return alone;
}

void
kl_claims_drop(KlClaims *claims, const char *imei, const char *slot)
{
    pthread_mutex_lock(&claims->mutex);
    GPtrArray *holders = g_hash_table_lookup(claims->by_imei, imei);
    Claim *claim = find(holders, slot);
    if (claim != NULL) {
        g_ptr_array_remove(holders, claim);
        if (holders->len == 0)
            g_hash_table_remove(claims->by_imei, imei);
    }
    pthread_mutex_unlock(&claims->mutex);
}
