/* The journal as its readers see it: what is asked for, and what an export adds up. Plain types. See
 * db/AUDIT-FORMAT.md. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What of the journal is asked for; NULL and 0 mean any, and nothing but those everything.
 * A job that fits in all of it is taken with all its events, whenever they were. An event of no job is taken when its
 * own time fits and, if more than the time is asked for, it is about a unit of such a job, or the identifier's. */
typedef struct {
    const char *identifier; /* IMEI, FSN, device id, certificate serial or fingerprint; job or batch id or its prefix
                               (>= 8) */
    const char *batch;      /* its id or a prefix (>= 8) */
    const char *work_order;
    const char *product;
    const char *operator_id;
    const char *outcome;   /* outcome name */
    gint64 from_us, to_us; /* jobs started, and events of none, in [from, to) */
} KlAuditRequest;

/* Whether everything is asked for. */
gboolean kl_audit_request_is_empty(const KlAuditRequest *request);

/* The request as the canonical object that manifests and export events have. The caller frees. */
char *kl_audit_request_canonical(const KlAuditRequest *request);

/* What a product, an operator or a work order did. A unit counts where it was first worked on, and where it first
 * passed. */
typedef struct {
    char *name; /* NULL: none was given */
    gint64 jobs;
    gint64 units;
    gint64 passed;
} KlAuditGroup;

void kl_audit_group_free(KlAuditGroup *group);

/* A number under a name: an outcome and its jobs, a kind of event and how many. */
typedef struct {
    char *name;
    gint64 count;
} KlAuditCount;

void kl_audit_count_free(KlAuditCount *count);

/* An export, added up. Jobs are those that had ended at the checkpoint. */
typedef struct {
    char *station;
    char *journal;     /* its UUID */
    char *fingerprint; /* of the station's certificate */
    char *selection;   /* the request, canonical */
    gint64 created_us;
    guint64 through;                        /* the checkpoint's n */
    char *hash;                             /* and its h(n) */
    guint64 events;                         /* selected */
    guint64 first, last;                    /* the first and last selected n; 0 when none is */
    gint64 first_us, last_us;               /* when these were */
    gint64 jobs, units, passed, first_pass; /* units that passed; that passed in their first job */
    gint64 before_journal; /* jobs from before the journal began, which it does not cover; -1: not known any more */
    gint64 issued, revoked, checkpoints;
    GPtrArray *outcomes;    /* KlAuditCount, most first */
    GPtrArray *types;       /* KlAuditCount of events, most first */
    GPtrArray *products;    /* KlAuditGroup, most jobs first */
    GPtrArray *operators;   /* likewise */
    GPtrArray *work_orders; /* likewise */
} KlAuditSummary;

KlAuditSummary *kl_audit_summary_new(void);
void kl_audit_summary_free(KlAuditSummary *summary);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAuditGroup, kl_audit_group_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAuditCount, kl_audit_count_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAuditSummary, kl_audit_summary_free)

G_END_DECLS
