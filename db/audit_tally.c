#include "db/audit_tally.h"

#include <string.h>

/* Names with their numbers, and the one that came last: most often it is the next one's, too. */
typedef struct {
    GHashTable *table; /* name (NULL_NAME: none) -> KlAuditGroup */
    KlAuditGroup *last;
} Groups;

struct KlAuditTally {
    Groups products, operators, work_orders, outcomes, types;
    GByteArray *seen, *passed; /* a bit a unit */
    gint64 jobs, units, passed_units, first_pass;
};

/* What no text in the database is: it has no NUL, and what is not UTF-8 has no place in an export. */
#define NULL_NAME "\xff"

static void
groups_init(Groups *groups)
{
    groups->table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)kl_audit_group_free);
}

KlAuditTally *
kl_audit_tally_new(void)
{
    KlAuditTally *tally = g_new0(KlAuditTally, 1);
    groups_init(&tally->products);
    groups_init(&tally->operators);
    groups_init(&tally->work_orders);
    groups_init(&tally->outcomes);
    groups_init(&tally->types);
    tally->seen = g_byte_array_new();
    tally->passed = g_byte_array_new();
    return tally;
}

void
kl_audit_tally_free(KlAuditTally *tally)
{
    g_hash_table_unref(tally->products.table);
    g_hash_table_unref(tally->operators.table);
    g_hash_table_unref(tally->work_orders.table);
    g_hash_table_unref(tally->outcomes.table);
    g_hash_table_unref(tally->types.table);
    g_byte_array_unref(tally->seen);
    g_byte_array_unref(tally->passed);
    g_free(tally);
}

static KlAuditGroup *
group_of(Groups *groups, const char *name)
{
    if (groups->last != NULL && g_strcmp0(groups->last->name, name) == 0)
        return groups->last;
    const char *key = name != NULL ? name : NULL_NAME;
    KlAuditGroup *group = g_hash_table_lookup(groups->table, key);
    if (group == NULL) {
        group = g_new0(KlAuditGroup, 1);
        group->name = g_strdup(name);
        g_hash_table_insert(groups->table, g_strdup(key), group);
    }
    groups->last = group;
    return group;
}

/* Whether the unit's bit is set now for the first time. */
static gboolean
mark(GByteArray *bits, gint64 unit)
{
    gsize place = (gsize)unit / 8;
    guint8 bit = (guint8)(1u << (unit % 8));
    if (place >= bits->len) {
        guint before = bits->len;
        g_byte_array_set_size(bits, (guint)place + 4096);
        memset(bits->data + before, 0, bits->len - before);
    }
    if ((bits->data[place] & bit) != 0)
        return FALSE;
    bits->data[place] |= bit;
    return TRUE;
}

/* The database numbers units without gaps; a doctored one must not cost gigabytes. */
#define UNIT_MAX (G_GINT64_CONSTANT(1) << 32)

void
kl_audit_tally_job(KlAuditTally *tally, const KlAuditTallyJob *job)
{
    KlAuditGroup *const groups[] = {group_of(&tally->products, job->product),
                                    group_of(&tally->operators, job->operator_id),
                                    group_of(&tally->work_orders, job->work_order)};
    gboolean known = job->unit > 0 && job->unit < UNIT_MAX;
    gboolean pass = g_strcmp0(job->outcome, "PASS") == 0;
    gboolean first = known && mark(tally->seen, job->unit);
    gboolean first_pass = known && pass && mark(tally->passed, job->unit);
    for (guint i = 0; i < G_N_ELEMENTS(groups); i++) {
        groups[i]->jobs++;
        groups[i]->units += first;
        groups[i]->passed += first_pass;
    }
    group_of(&tally->outcomes, job->outcome)->jobs++;
    tally->jobs++;
    tally->units += first;
    tally->passed_units += first_pass;
    tally->first_pass += first && first_pass;
}

void
kl_audit_tally_event(KlAuditTally *tally, const char *type)
{
    group_of(&tally->types, type)->jobs++;
}

/* Most first; then by name. */
static int
compare_groups(gconstpointer a, gconstpointer b)
{
    const KlAuditGroup *first = *(KlAuditGroup *const *)a, *second = *(KlAuditGroup *const *)b;
    if (first->jobs != second->jobs)
        return first->jobs > second->jobs ? -1 : 1;
    return g_strcmp0(first->name, second->name);
}

static void
list_groups(const Groups *groups, GPtrArray *list)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, groups->table);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        KlAuditGroup *copy = g_new(KlAuditGroup, 1);
        *copy = *(KlAuditGroup *)value;
        copy->name = g_strdup(copy->name);
        g_ptr_array_add(list, copy);
    }
    g_ptr_array_sort(list, compare_groups);
}

static void
list_counts(const Groups *groups, GPtrArray *list)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new_with_free_func((GDestroyNotify)kl_audit_group_free);
    list_groups(groups, sorted);
    for (guint i = 0; i < sorted->len; i++) {
        const KlAuditGroup *group = sorted->pdata[i];
        KlAuditCount *count = g_new(KlAuditCount, 1);
        *count = (KlAuditCount){g_strdup(group->name), group->jobs};
        g_ptr_array_add(list, count);
    }
}

static gint64
count_of(const KlAuditTally *tally, const char *type)
{
    const KlAuditGroup *group = g_hash_table_lookup(tally->types.table, type);
    return group != NULL ? group->jobs : 0;
}

void
kl_audit_tally_sum(const KlAuditTally *tally, KlAuditSummary *summary)
{
    summary->jobs = tally->jobs;
    summary->units = tally->units;
    summary->passed = tally->passed_units;
    summary->first_pass = tally->first_pass;
    summary->issued = count_of(tally, "issue");
    summary->revoked = count_of(tally, "revoke");
    list_counts(&tally->outcomes, summary->outcomes);
    list_counts(&tally->types, summary->types);
    list_groups(&tally->products, summary->products);
    list_groups(&tally->operators, summary->operators);
    list_groups(&tally->work_orders, summary->work_orders);
}
