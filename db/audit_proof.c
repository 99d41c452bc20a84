#include "db/audit_proof.h"

#include "db/audit_pass.h"
#include "station/canonical.h"
#include "station/error.h"

typedef struct {
    GPtrArray *events, *hidden; /* char * */
    KlAuditProved *proved;
} Proof;

static gboolean
keep_event(gpointer data, guint64 n, const char *body, gsize length, const guint8 leaf[KL_HASH_SIZE], GError **error)
{
    Proof *proof = data;
    g_ptr_array_add(proof->events, g_strndup(body, length));
    if (proof->proved->events++ == 0)
        proof->proved->first = n;
    proof->proved->last = n;
    return TRUE;
}

static gboolean
keep_hidden(gpointer data, const guint8 hash[KL_HASH_SIZE], GError **error)
{
    Proof *proof = data;
    char *hex = g_malloc0(2 * KL_HASH_SIZE + 1);
    kl_audit_hex(hash, KL_HASH_SIZE, hex);
    g_ptr_array_add(proof->hidden, hex);
    return TRUE;
}

static void
add_texts(KlCanonical *writer, const char *name, const GPtrArray *texts)
{
    kl_canonical_begin_array(writer, name);
    for (guint i = 0; i < texts->len; i++)
        kl_canonical_text(writer, NULL, texts->pdata[i]);
    kl_canonical_end(writer);
}

static char *
make_text(const Proof *proof, const KlAuditCheckpoint *checkpoint, const char *identifier, const char *certificate)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_begin(writer, NULL);
    kl_canonical_text(writer, "certificate", certificate);
    kl_canonical_begin(writer, "checkpoint");
    kl_canonical_text(writer, "body", checkpoint->body);
    kl_canonical_text(writer, "signature", checkpoint->signature);
    kl_canonical_end(writer);
    add_texts(writer, "events", proof->events);
    kl_canonical_text(writer, "format", "keyline-audit-proof-1");
    add_texts(writer, "hidden", proof->hidden);
    kl_canonical_text(writer, "identifier", identifier);
    return kl_canonical_finish(writer);
}

char *
kl_audit_prove(const char *database, const char *identifier, const char *checkpoint, const char *certificate,
               KlAuditProved *proved, GError **error)
{
    static const KlAuditPass calls = {.event = keep_event, .hidden = keep_hidden};
    const KlAuditRequest request = {.identifier = identifier};
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) hidden = g_ptr_array_new_with_free_func(g_free);
    Proof proof = {events, hidden, proved};
    *proved = (KlAuditProved){0};
    g_autoptr(KlAuditReader) reader = kl_audit_reader_open(database, checkpoint, error);
    if (reader == NULL || !kl_audit_select_check(reader, &request, error) ||
        !kl_audit_pass(reader, &request, &calls, &proof, error))
        return NULL;
    proved->n = reader->checkpoint.n;
    if (events->len == 0) {
        kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "the journal has no event about '%s'", identifier);
        return NULL;
    }
    return make_text(&proof, &reader->checkpoint, identifier, certificate);
}
