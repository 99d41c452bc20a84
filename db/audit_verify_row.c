/* What can be told of one event alone. */
#include <string.h>

#include "db/audit_verify_events.h"
#include "db/audit_verify_sealed.h"

#define DATA(event, name) kl_audit_scan_find((event)->data, (name))

static gboolean
same(KlAuditSpan column, KlAuditSpan member)
{
    if (column.at == NULL || member.at == NULL)
        return column.at == NULL && member.at == NULL;
    return kl_audit_span_is(column, member.at, member.length);
}

/* data without what tells of the certificate before: those members come last. */
static KlAuditSpan
without_superseded(KlAuditSpan data)
{
    KlAuditSpan rest = data, name, value, kept = {data.at, 1};
    while (kl_audit_scan_member(&rest, &name, &value)) {
        if (!kl_audit_span_is(name, "supersedes", 10) && !kl_audit_span_is(name, "supersede_reason", 16))
            kept.length = (gsize)(value.at + value.length - data.at);
    }
    return kept;
}

static void
claim_of_issue(KlAuditRow *row)
{
    const KlAuditEvent *event = &row->event;
    guint8 owner[KL_HASH_SIZE];
    row->key = kl_audit_scan_raw(DATA(event, "certificate_sha256"));
    kl_audit_claim_digest(event->imei, event->job, owner);
    kl_audit_claim_digest((KlAuditSpan){(const char *)owner, sizeof owner}, without_superseded(event->data),
                          row->digest);
    row->superseded = kl_audit_scan_raw(DATA(event, "supersedes"));
    if (row->superseded.at != NULL)
        kl_audit_claim_digest(KL_AUDIT_SPAN(""), kl_audit_scan_raw(DATA(event, "supersede_reason")),
                              row->superseded_digest);
}

/* kind, key and what is compared are one member each. */
static void
claim_of_member(KlAuditRow *row, const char *key, const char *member)
{
    row->key = DATA(&row->event, key);
    if (row->key.at != NULL && row->key.at[0] == '"')
        row->key = kl_audit_scan_raw(row->key);
    kl_audit_claim_digest(KL_AUDIT_SPAN(""), kl_audit_scan_raw(DATA(&row->event, member)), row->digest);
}

/* A number from 0; 0 for what is none. */
static gint64
read_count(KlAuditSpan value)
{
    gint64 number = 0;
    return kl_audit_scan_number(value, &number) ? MAX(number, 0) : 0;
}

/* The row as it was registered: its hash is of it without its connections and its version, which stand anywhere in it.
 */
static void
claim_of_register(KlAuditRow *row)
{
    KlAuditSpan connections = DATA(&row->event, "connections"), version = DATA(&row->event, "version");
    KlAuditSpan rest = row->event.data, name, value;
    g_autoptr(GString) text = g_string_sized_new(rest.length);
    guint8 sha256[KL_HASH_SIZE];
    g_string_append_c(text, '{');
    while (kl_audit_scan_member(&rest, &name, &value)) {
        if (value.at == connections.at || value.at == version.at)
            continue;
        if (text->len > 1)
            g_string_append_c(text, ',');
        g_string_append_len(text, name.at - 1, (gssize)(value.at + value.length - name.at + 1));
    }
    g_string_append_c(text, '}');
    kl_audit_digest(text->str, text->len, sha256);
    row->key = kl_audit_scan_raw(DATA(&row->event, "device"));
    kl_audit_claim_registration(sha256, read_count(connections), read_count(version), row->digest);
}

/* A message of first boot, if it tells of the row. */
static void
claim_of_activation(KlAuditRow *row)
{
    KlAuditSpan message = DATA(&row->event, "message"), hex = DATA(&row->event, "row_sha256");
    KlAuditSpan version = DATA(&row->event, "version");
    guint8 sha256[KL_HASH_SIZE] = {0};
    if (hex.at == NULL) {
        row->claim = KL_AUDIT_N_CLAIMS;
        return;
    }
    if (!kl_audit_read_hash(kl_audit_scan_raw(hex), sha256))
        memset(sha256, 0, sizeof sha256);
    if (message.at == NULL || message.at[0] != '{')
        message = KL_AUDIT_SPAN("{}");
    row->key = kl_audit_scan_raw(kl_audit_scan_find(message, "device"));
    kl_audit_claim_registration(sha256, read_count(DATA(&row->event, "connections")),
                                version.at != NULL ? read_count(version) : -1, row->digest);
}

static const struct {
    KlAuditSpan type;
    KlAuditClaimKind claim;
} claiming[] = {
    {{"job-end", 7}, KL_AUDIT_CLAIM_JOB},
    {{"issue", 5}, KL_AUDIT_CLAIM_CERTIFICATE},
    {{"revoke", 6}, KL_AUDIT_CLAIM_REVOKED},
    {{"register", 8}, KL_AUDIT_CLAIM_REGISTRATION},
    {{"activation", 10}, KL_AUDIT_CLAIM_REGISTRATION},
    {{"act", 3}, KL_AUDIT_CLAIM_ACT},
    {{"checkpoint", 10}, KL_AUDIT_CLAIM_CHECKPOINT},
    {{"period-closed", 13}, KL_AUDIT_CLAIM_PERIOD},
};

static void
find_claim(KlAuditRow *row)
{
    const KlAuditEvent *event = &row->event;
    row->claim = KL_AUDIT_N_CLAIMS;
    for (gsize i = 0; i < G_N_ELEMENTS(claiming); i++) {
        if (kl_audit_span_is(event->type, claiming[i].type.at, claiming[i].type.length))
            row->claim = (int)claiming[i].claim;
    }
    row->key = KL_AUDIT_SPAN("");
    switch (row->claim) {
    case KL_AUDIT_CLAIM_JOB:
        row->key = event->job;
        kl_audit_claim_digest(event->imei, event->data, row->digest);
        break;
    case KL_AUDIT_CLAIM_CERTIFICATE:
        claim_of_issue(row);
        break;
    case KL_AUDIT_CLAIM_REVOKED:
        claim_of_member(row, "certificate_sha256", "reason");
        break;
    case KL_AUDIT_CLAIM_REGISTRATION:
        if (kl_audit_span_is(event->type, "register", 8))
            claim_of_register(row);
        else
            claim_of_activation(row);
        break;
    case KL_AUDIT_CLAIM_ACT:
        kl_audit_claim_digest(KL_AUDIT_SPAN(""), event->data, row->digest);
        row->key = (KlAuditSpan){(const char *)row->digest, KL_HASH_SIZE};
        break;
    case KL_AUDIT_CLAIM_CHECKPOINT:
        claim_of_member(row, "n", "sha256");
        break;
    case KL_AUDIT_CLAIM_PERIOD:
        claim_of_member(row, "through", "manifest_sha256");
        break;
    default:
        break;
    }
}

void
kl_audit_row_check(KlAuditRow *row, const guint8 before[KL_HASH_SIZE])
{
    KlAuditEvent *event = &row->event;
    kl_audit_chain(before, row->body.at, row->body.length, row->computed);
    kl_audit_leaf(row->body.at, row->body.length, row->leaf);
    row->superseded.at = NULL;
    row->claim = KL_AUDIT_N_CLAIMS;
    row->sound = kl_audit_scan_event(row->body.at, row->body.length, event);
    if (!row->sound)
        return;
    row->agrees = same(row->type, event->type) && same(row->job, event->job) && same(row->imei, event->imei) &&
                  row->time_us == event->time_us;
    find_claim(row);
}
