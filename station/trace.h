/* Plain types of tracing: a unit's whole life, and the list of units that a recall is about. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Something that happened to the unit. */
typedef struct {
    gint64 time_us; /* UTC microseconds */
    char *kind;     /* "job", "step", "end", "key", "certificate", "cloud", "act", "journal" */
    char *text;     /* one line for people */
    char *json;     /* the same with all it has, an object */
} KlTraceEntry;

/* A unit; or, imei NULL, a job that never got to know its unit. */
typedef struct {
    char *imei;
    char *fsn;
    char *device_id;
    char *model;
    char *firmware;
    gboolean provisioned;
    char *certificate;  /* SHA-256 of the live one, or NULL */
    char *registration; /* the registration row, a JSON object, or NULL */
    char *outbox;       /* the newest rows of each kind on their way to the cloud, a JSON array */
    char *archives;     /* closed periods that hold more of it, a JSON array of {archive, manifest_sha256, through} */
    char *job;          /* imei NULL: that job */
    GPtrArray *life;    /* KlTraceEntry, in the order of time; NULL when several units were found */
} KlTraceUnit;

void kl_trace_entry_free(KlTraceEntry *entry);
void kl_trace_unit_free(KlTraceUnit *unit);

/* Which units a recall is about. NULL and 0 mean any; what is given must all hold. What is said of jobs must hold of
 * one and the same job of the unit, what is said of certificates of one and the same certificate. */
typedef struct {
    const char *certificate; /* SHA-256, or its beginning (>= 16), or serial number */
    const char *like;        /* any identifier: the same batch or, made in none, the same work order and product */
    const char *ca;          /* SHA-256 of a CA certificate, or an issuer's name, all of it or its CN */
    const char *firmware;    /* * and ? stand for any characters, any one character */
    const char *operator_id;
    const char *work_order;
    const char *batch; /* its id or the beginning (>= 8) */
    const char *program;
    gint64 from_us, to_us; /* a job started in [from, to) */
} KlRecallFilter;

/* One certificate of a unit, or a unit that has none that fits. Borrowed, for the time of the call. NULL: not known. */
typedef struct {
    const char *imei;
    const char *fsn;
    const char *device_id;
    const char *certificate; /* SHA-256 */
    const char *serial;
    const char *issuer;
    const char *status; /* "live", "superseded", "revoked" */
    /* Of the unit's last job: */
    const char *outcome;
    gint64 when_us; /* its start */
    const char *station;
    const char *slot;
    const char *operator_id;
    const char *work_order;
    const char *batch;
    const char *firmware;
} KlRecallRow;

/* Gets each row; FALSE with an error ends the recall. */
typedef gboolean (*KlRecallEach)(const KlRecallRow *row, gpointer data, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlTraceEntry, kl_trace_entry_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlTraceUnit, kl_trace_unit_free)

G_END_DECLS
