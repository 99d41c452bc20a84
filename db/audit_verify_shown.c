#include "db/audit_verify_shown.h"

#include <string.h>

#include "db/audit_verify_tree.h"

typedef struct {
    const KlAuditSealed *sealed;
    const KlAuditSource *calls;
    gpointer source;
    KlAuditReport *report;
    KlAuditReport *doubts; /* by what is said of each event: they count if the tree is not whole */
    KlAuditShownChain *chain;
    guint64 before; /* findings that were there already */
    guint64 lines;
    gint64 last;               /* n of the event before */
    gboolean whole;            /* so far they are all events from the first on */
    guint8 hash[KL_HASH_SIZE]; /* and that is the last one's h(n) */
    gboolean leaf_left;        /* what follows is of the next leaf line */
    gint64 leaf_n;
    guint8 leaf[KL_HASH_SIZE];
} Shown;

static void
find_event(KlAuditReport *report, KlAuditFault fault, gint64 n, const char *words)
{
    kl_audit_report_take(report, fault, g_strdup_printf("event %" G_GINT64_FORMAT, n), g_strdup(words));
}

static void
next_leaf(Shown *s)
{
    s->leaf_left = s->calls->leaf != NULL && s->calls->leaf(s->source, &s->leaf_n, s->leaf);
}

/* Leaf lines of events before n belong to events that are not there. */
static void
skip_leaves(Shown *s, gint64 n)
{
    for (; s->leaf_left && s->leaf_n < n; next_leaf(s))
        find_event(s->doubts, KL_AUDIT_MISSING, s->leaf_n, "leaves.txt has it");
}

static void
compare_leaf(Shown *s, gint64 n, const guint8 leaf[KL_HASH_SIZE])
{
    if (s->calls->leaf == NULL)
        return;
    skip_leaves(s, n);
    if (!s->leaf_left || s->leaf_n != n) {
        find_event(s->doubts, KL_AUDIT_ADDED, n, "leaves.txt does not have it");
        return;
    }
    if (memcmp(leaf, s->leaf, KL_HASH_SIZE) != 0)
        find_event(s->doubts, KL_AUDIT_ALTERED, n, "its hash is not the one in leaves.txt");
    next_leaf(s);
}

static void
go_on_chain(Shown *s, gint64 n, KlAuditSpan bytes)
{
    s->whole = s->whole && n == s->last + 1;
    if (!s->whole)
        return;
    kl_audit_chain(s->hash, bytes.at, bytes.length, s->hash);
    if (s->chain != NULL && s->chain->given_n == n) {
        s->chain->given_known = TRUE;
        memcpy(s->chain->given_hash, s->hash, KL_HASH_SIZE);
    }
}

/* A KlAuditShown.event: passes over what is none. */
static guint64
next_event(gpointer data, guint8 leaf[KL_HASH_SIZE])
{
    Shown *s = data;
    KlAuditEvent event;
    for (KlAuditSpan bytes; s->calls->event(s->source, &bytes);) {
        s->lines++;
        if (!kl_audit_scan_event(bytes.at, bytes.length, &event)) {
            if (s->leaf_left)
                find_event(s->report, KL_AUDIT_ALTERED, s->leaf_n, "it is no event of this format");
            else
                kl_audit_report_take(s->report, KL_AUDIT_ALTERED, g_strdup_printf("line %" G_GUINT64_FORMAT, s->lines),
                                     g_strdup("it is no event of this format"));
            next_leaf(s);
            s->whole = FALSE;
            continue;
        }
        if (event.n <= s->last || event.n > s->sealed->n) {
            find_event(s->report, event.n <= s->last ? KL_AUDIT_MOVED : KL_AUDIT_ADDED, event.n,
                       event.n <= s->last ? "it stands behind a later one" : "it lies behind the checkpoint");
            s->whole = FALSE;
            continue;
        }
        kl_audit_leaf(bytes.at, bytes.length, leaf);
        compare_leaf(s, event.n, leaf);
        go_on_chain(s, event.n, bytes);
        s->last = event.n;
        s->report->last = event.n;
        s->report->first = s->report->first == 0 ? event.n : s->report->first;
        if (s->calls->each != NULL)
            s->calls->each(s->source, &event, bytes);
        return (guint64)event.n;
    }
    return 0;
}

static gboolean
next_hidden(gpointer data, guint8 hash[KL_HASH_SIZE])
{
    Shown *s = data;
    KlAuditSpan hex;
    return s->calls->hidden(s->source, &hex) && kl_audit_read_hash(hex, hash);
}

static void
take_doubts(Shown *s)
{
    GPtrArray *findings = s->doubts->findings;
    for (guint i = 0; i < findings->len; i++) {
        const KlAuditFinding *finding = findings->pdata[i];
        kl_audit_report_take(s->report, finding->fault, g_strdup(finding->where), g_strdup(finding->words));
    }
    s->report->untold += s->doubts->untold;
}

static void
judge(Shown *s, gboolean root_good)
{
    KlAuditReport *report = s->report;
    gboolean told = report->findings->len + report->untold > s->before;
    if (!root_good)
        take_doubts(s);
    if (!root_good && kl_audit_report_whole(s->doubts) && !told)
        kl_audit_report_take(report, KL_AUDIT_ALTERED, g_strdup("root"),
                             g_strdup_printf("the events and hidden hashes do not make the root that checkpoint"
                                             " %" G_GINT64_FORMAT " was signed over",
                                             s->sealed->n));
    if (root_good && !kl_audit_report_whole(s->doubts))
        kl_audit_report_take(report, KL_AUDIT_ALTERED, g_strdup("file leaves.txt"),
                             g_strdup("its hashes are not those of the events, which are good"));
    if (root_good && s->whole && s->last == s->sealed->n && memcmp(s->hash, s->sealed->hash, KL_HASH_SIZE) != 0)
        kl_audit_report_take(report, KL_AUDIT_ALTERED, g_strdup("chain"),
                             g_strdup("the events do not lead to the checkpoint's hash"));
}

void
kl_audit_shown_check(const KlAuditSealed *sealed, const KlAuditSource *calls, gpointer source, KlAuditShownChain *chain,
                     KlAuditReport *report)
{
    static const KlAuditShown shown = {next_event, next_hidden};
    g_autoptr(KlAuditReport) doubts = kl_audit_report_new(report->what);
    Shown s = {.sealed = sealed, .calls = calls, .source = source, .report = report, .doubts = doubts, .whole = TRUE};
    guint8 root[KL_HASH_SIZE], more[KL_HASH_SIZE];
    s.chain = chain;
    s.before = report->findings->len + report->untold;
    next_leaf(&s);
    gboolean good = kl_audit_shown_root((guint64)sealed->n, &shown, &s, root);
    while (next_event(&s, more) != 0)
        good = FALSE;
    skip_leaves(&s, G_MAXINT64);
    KlAuditSpan hex;
    good = good && !calls->hidden(source, &hex) && memcmp(root, sealed->root, KL_HASH_SIZE) == 0;
    judge(&s, good);
    report->events = (gint64)s.lines;
}
