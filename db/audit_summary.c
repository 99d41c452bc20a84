#include "db/audit_summary.h"

#include "station/canonical.h"
#include "station/csv.h"

/* --- CSV --- */

static void
append_cells(GString *csv, const char *const *cells, guint n_cells)
{
    for (guint i = 0; i < n_cells; i++) {
        if (i > 0)
            g_string_append_c(csv, ',');
        kl_csv_field(csv, cells[i]);
    }
    g_string_append(csv, "\r\n");
}

#define append_line(csv, ...)                                                                                          \
    append_cells(csv, (const char *const[]){__VA_ARGS__}, G_N_ELEMENTS(((const char *const[]){__VA_ARGS__})))

static void
append_text(GString *csv, const char *name, const char *value)
{
    append_line(csv, "export", name, value, NULL, NULL, NULL);
}

static void
append_number(GString *csv, const char *section, const char *name, gint64 number)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, number);
    append_line(csv, section, name, text, NULL, NULL, NULL);
}

static void
append_time(GString *csv, const char *name, gint64 time_us)
{
    g_autoptr(GDateTime) time = time_us > 0 ? g_date_time_new_from_unix_utc(time_us / G_USEC_PER_SEC) : NULL;
    g_autofree char *text = time != NULL ? g_date_time_format_iso8601(time) : NULL;
    append_text(csv, name, text);
}

static void
append_group(GString *csv, const char *section, const KlAuditGroup *group)
{
    g_autofree char *jobs = g_strdup_printf("%" G_GINT64_FORMAT, group->jobs);
    g_autofree char *units = g_strdup_printf("%" G_GINT64_FORMAT, group->units);
    g_autofree char *passed = g_strdup_printf("%" G_GINT64_FORMAT, group->passed);
    /* No matter where the decimal point is a comma. */
    gint64 permille = group->units > 0 ? (1000 * group->passed + group->units / 2) / group->units : 0;
    g_autofree char *yield = g_strdup_printf("%" G_GINT64_FORMAT ".%d", permille / 10, (int)(permille % 10));
    append_line(csv, section, group->name != NULL ? group->name : "(none)", jobs, units, passed,
                group->units > 0 ? yield : NULL);
}

static void
append_groups(GString *csv, const char *section, const GPtrArray *groups)
{
    for (guint i = 0; i < groups->len; i++)
        append_group(csv, section, groups->pdata[i]);
}

static void
append_counts(GString *csv, const char *section, const GPtrArray *counts)
{
    for (guint i = 0; i < counts->len; i++) {
        const KlAuditCount *count = counts->pdata[i];
        append_number(csv, section, count->name, count->count);
    }
}

char *
kl_audit_summary_csv(const KlAuditSummary *summary)
{
    GString *csv = g_string_new(NULL);
    const KlAuditGroup total = {(char *)"all", summary->jobs, summary->units, summary->passed};
    append_line(csv, "section", "name", "count", "units", "passed", "yield_percent");
    append_text(csv, "station", summary->station);
    append_text(csv, "journal", summary->journal);
    append_text(csv, "certificate_sha256", summary->fingerprint);
    append_text(csv, "selection", summary->selection);
    append_time(csv, "created", summary->created_us);
    append_time(csv, "first_event", summary->first_us);
    append_time(csv, "last_event", summary->last_us);
    append_number(csv, "export", "checkpoint", (gint64)summary->through);
    append_number(csv, "export", "events", (gint64)summary->events);
    append_group(csv, "jobs", &total);
    append_number(csv, "jobs", "units_passed_at_once", summary->first_pass);
    if (summary->before_journal >= 0)
        append_number(csv, "jobs", "from_before_the_journal", summary->before_journal);
    append_counts(csv, "outcome", summary->outcomes);
    append_groups(csv, "product", summary->products);
    append_groups(csv, "operator", summary->operators);
    append_groups(csv, "work_order", summary->work_orders);
    append_number(csv, "certificates", "issued", summary->issued);
    append_number(csv, "certificates", "revoked", summary->revoked);
    append_number(csv, "checkpoints", "all", summary->checkpoints);
    append_counts(csv, "event", summary->types);
    return g_string_free(csv, FALSE);
}

/* --- JSON --- */

static void
add_groups(KlCanonical *writer, const char *name, const GPtrArray *groups)
{
    kl_canonical_begin_array(writer, name);
    for (guint i = 0; i < groups->len; i++) {
        const KlAuditGroup *group = groups->pdata[i];
        kl_canonical_begin(writer, NULL);
        kl_canonical_number(writer, "jobs", group->jobs);
        kl_canonical_text(writer, "name", group->name);
        kl_canonical_number(writer, "passed", group->passed);
        kl_canonical_number(writer, "units", group->units);
        kl_canonical_end(writer);
    }
    kl_canonical_end(writer);
}

static void
add_counts(KlCanonical *writer, const char *name, const GPtrArray *counts)
{
    kl_canonical_begin_array(writer, name);
    for (guint i = 0; i < counts->len; i++) {
        const KlAuditCount *count = counts->pdata[i];
        kl_canonical_begin(writer, NULL);
        kl_canonical_number(writer, "count", count->count);
        kl_canonical_text(writer, "name", count->name);
        kl_canonical_end(writer);
    }
    kl_canonical_end(writer);
}

static void
add_time(KlCanonical *writer, const char *name, gint64 time_us)
{
    if (time_us > 0)
        kl_canonical_number(writer, name, time_us);
}

char *
kl_audit_summary_json(const KlAuditSummary *summary)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_begin(writer, NULL);
    kl_canonical_text(writer, "certificate_sha256", summary->fingerprint);
    kl_canonical_number(writer, "certificates_issued", summary->issued);
    kl_canonical_number(writer, "certificates_revoked", summary->revoked);
    kl_canonical_number(writer, "checkpoint", (gint64)summary->through);
    kl_canonical_number(writer, "checkpoints", summary->checkpoints);
    kl_canonical_number(writer, "created_us", summary->created_us);
    kl_canonical_number(writer, "events", (gint64)summary->events);
    add_counts(writer, "events_by_type", summary->types);
    add_time(writer, "first_event_us", summary->first_us);
    kl_canonical_number(writer, "jobs", summary->jobs);
    if (summary->before_journal >= 0)
        kl_canonical_number(writer, "jobs_before_journal", summary->before_journal);
    kl_canonical_text(writer, "journal", summary->journal);
    add_time(writer, "last_event_us", summary->last_us);
    add_groups(writer, "operators", summary->operators);
    add_counts(writer, "outcomes", summary->outcomes);
    add_groups(writer, "products", summary->products);
    kl_canonical_value(writer, "selection", summary->selection);
    kl_canonical_text(writer, "station", summary->station);
    kl_canonical_number(writer, "units", summary->units);
    kl_canonical_number(writer, "units_passed", summary->passed);
    kl_canonical_number(writer, "units_passed_at_once", summary->first_pass);
    add_groups(writer, "work_orders", summary->work_orders);
    return kl_canonical_finish(writer);
}
