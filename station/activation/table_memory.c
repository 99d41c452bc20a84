#include "station/activation/table_memory.h"

#include <pthread.h>
#include <string.h>

#include "station/error.h"

typedef struct {
    KlRegistration *row;
    GQueue ids;         /* the last ones, the newest first */
    GHashTable *counts; /* verdict -> how often */

    /* its credential: csr NULL when none was claimed */
    GBytes *csr;
    char *pem;
    char *claimant;
    gint64 since_us;
    gint64 claimed_us;
} Device;

typedef struct {
    KlActivationTable base;
    pthread_mutex_t lock; /* guards what follows */
    GHashTable *devices;  /* device id -> Device */
    GHashTable *nobodys;  /* verdict -> how often, for all who are in no row */
} TableMemory;

static TableMemory *
lock(KlActivationTable *table)
{
    TableMemory *self = (TableMemory *)table;
    pthread_mutex_lock(&self->lock);
    return self;
}

static void
unlock(TableMemory *self)
{
    pthread_mutex_unlock(&self->lock);
}

static gboolean
same_row(const KlRegistration *a, const KlRegistration *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return g_strcmp0(a->device, b->device) == 0 && g_strcmp0(a->registered, b->registered) == 0 &&
           g_strcmp0(a->policy, b->policy) == 0 && g_strcmp0(a->firmware, b->firmware) == 0 &&
           g_strcmp0(a->parameters, b->parameters) == 0 && a->version == b->version && a->connections == b->connections;
}

static void
device_free(gpointer data)
{
    Device *device = data;
    kl_registration_free(device->row);
    g_queue_clear_full(&device->ids, g_free);
    g_hash_table_unref(device->counts);
    g_clear_pointer(&device->csr, g_bytes_unref);
    g_free(device->pem);
    g_free(device->claimant);
    g_free(device);
}

static GHashTable *
new_counts(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void
count_one(GHashTable *counts, const char *verdict)
{
    guint total = GPOINTER_TO_UINT(g_hash_table_lookup(counts, verdict));
    g_hash_table_insert(counts, g_strdup(verdict), GUINT_TO_POINTER(total + 1));
}

static gboolean
knows(const Device *device, const char *id)
{
    return device != NULL && id != NULL &&
           g_queue_find_custom((GQueue *)&device->ids, id, (GCompareFunc)strcmp) != NULL;
}

static gboolean
read_view(KlActivationTable *table, const char *device, const char *id, KlActivationView *view, KlOp *op,
          GError **error)
{
    TableMemory *self = lock(table);
    const Device *found = g_hash_table_lookup(self->devices, device);
    *view = (KlActivationView){found != NULL ? kl_registration_copy(found->row) : NULL, knows(found, id)};
    unlock(self);
    return TRUE;
}

static void
remember(Device *device, const KlActivationChange *change)
{
    if (change->row != NULL) {
        g_free(device->row->registered);
        device->row->registered = g_strdup(change->row->registered);
        device->row->version = change->row->version;
        device->row->connections = change->row->connections;
    }
    if (change->id != NULL && !knows(device, change->id))
        g_queue_push_head(&device->ids, g_strdup(change->id));
    if (device->ids.length > KL_ACTIVATION_IDS_KEPT)
        g_free(g_queue_pop_tail(&device->ids));
}

static KlActivationKept
keep(KlActivationTable *table, const KlActivationChange *change, KlOp *op, GError **error)
{
    TableMemory *self = lock(table);
    Device *device = g_hash_table_lookup(self->devices, change->device);
    gboolean kept =
        same_row(device != NULL ? device->row : NULL, change->was) && (change->again || !knows(device, change->id));
    if (kept && device != NULL)
        remember(device, change);
    if (kept)
        count_one(device != NULL ? device->counts : self->nobodys, change->verdict);
    unlock(self);
    return kept ? KL_ACTIVATION_KEPT : KL_ACTIVATION_CHANGED;
}

/* --- credentials --- */

static void
take_claim(Device *device, const KlActivationClaim *claim)
{
    g_free(device->claimant);
    device->claimant = g_strdup(claim->claimant);
    device->claimed_us = claim->now_us;
    if (device->csr != NULL && !claim->replaces)
        return;
    g_clear_pointer(&device->csr, g_bytes_unref);
    device->csr = g_bytes_ref(claim->csr);
    device->since_us = claim->now_us;
}

/* A claim that is from the future, after the clock was put right, holds nobody up. */
static gboolean
may_claim(const Device *device, const KlActivationClaim *claim)
{
    return device->csr == NULL || (device->pem == NULL && !g_str_equal(device->claimant, claim->claimant) &&
                                   ABS(claim->now_us - device->claimed_us) > KL_ACTIVATION_CLAIM_US);
}

static gboolean
claim(KlActivationTable *table, const KlActivationClaim *claim, KlActivationCredential *credential, KlOp *op,
      GError **error)
{
    TableMemory *self = lock(table);
    Device *device = g_hash_table_lookup(self->devices, claim->device);
    if (device != NULL && may_claim(device, claim))
        take_claim(device, claim);
    if (device != NULL)
        *credential =
            (KlActivationCredential){.csr = g_bytes_ref(device->csr),
                                     .pem = g_strdup(device->pem),
                                     .mine = device->pem == NULL && g_str_equal(device->claimant, claim->claimant),
                                     .since_us = device->since_us};
    unlock(self);
    return device != NULL || kl_fail(error, KL_ERROR_INTERNAL, "%s has no row", claim->device);
}

static gboolean
issued(KlActivationTable *table, const char *device_id, GBytes *csr, const char *pem, char **kept, KlOp *op,
       GError **error)
{
    TableMemory *self = lock(table);
    Device *device = g_hash_table_lookup(self->devices, device_id);
    gboolean claimed = device != NULL && device->csr != NULL && g_bytes_equal(device->csr, csr);
    if (claimed && device->pem == NULL)
        device->pem = g_strdup(pem);
    if (claimed)
        *kept = g_strdup(device->pem);
    unlock(self);
    return claimed || kl_fail(error, KL_ERROR_ACTIVATION_BUSY, "%s has no claim with that request", device_id);
}

/* A claim that is long past is anybody's. */
static gboolean
release(KlActivationTable *table, const char *device_id, const char *claimant, KlOp *op, GError **error)
{
    TableMemory *self = lock(table);
    Device *device = g_hash_table_lookup(self->devices, device_id);
    if (device != NULL && g_strcmp0(device->claimant, claimant) == 0)
        device->claimed_us = 1;
    unlock(self);
    return TRUE;
}

static void
table_free(KlActivationTable *table)
{
    TableMemory *self = (TableMemory *)table;
    g_hash_table_unref(self->devices);
    g_hash_table_unref(self->nobodys);
    pthread_mutex_destroy(&self->lock);
    g_free(self);
}

static const KlActivationTableClass class = {
    .read = read_view,
    .keep = keep,
    .claim = claim,
    .issued = issued,
    .release = release,
    .free = table_free,
};

KlActivationTable *
kl_activation_memory_new(void)
{
    TableMemory *self = g_new0(TableMemory, 1);
    self->base.klass = &class;
    pthread_mutex_init(&self->lock, NULL);
    self->devices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, device_free);
    self->nobodys = new_counts();
    return &self->base;
}

void
kl_activation_memory_put(KlActivationTable *table, const KlRegistration *row)
{
    Device *device = g_new0(Device, 1);
    device->row = kl_registration_copy(row);
    device->counts = new_counts();
    TableMemory *self = lock(table);
    g_hash_table_replace(self->devices, g_strdup(row->device), device);
    unlock(self);
}

void
kl_activation_memory_drop(KlActivationTable *table, const char *device)
{
    TableMemory *self = lock(table);
    g_hash_table_remove(self->devices, device);
    unlock(self);
}

guint
kl_activation_memory_count(KlActivationTable *table, const char *device, const char *verdict)
{
    TableMemory *self = lock(table);
    const Device *found = g_hash_table_lookup(self->devices, device);
    GHashTable *counts = found != NULL ? found->counts : *device == '\0' ? self->nobodys : NULL;
    guint total = counts != NULL ? GPOINTER_TO_UINT(g_hash_table_lookup(counts, verdict)) : 0;
    unlock(self);
    return total;
}
