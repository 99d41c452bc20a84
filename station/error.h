/* Every way to fail: one GError domain whose codes come from error.def. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KL_ERROR (kl_error_quark())

typedef enum {
#define KL_E(code, kind, words, remedy) KL_ERROR_##code,
#include "station/error.def"
#undef KL_E
    KL_ERROR_LAST
} KlErrorCode;

typedef enum {
    KL_ERROR_KIND_RETRY,   /* trying again may succeed */
    KL_ERROR_KIND_UNIT,    /* the unit's fault */
    KL_ERROR_KIND_STATION, /* the station's fault: no unit would pass now */
    KL_ERROR_KIND_BUG,     /* should not happen */
} KlErrorKind;

GQuark kl_error_quark(void);

/* The stable name of a code, as stored in records and shown ("PORT_BUSY"). Static. */
const char *kl_error_name(KlErrorCode code);

/* The code of a stable name, or -1 when there is none. */
int kl_error_from_name(const char *name);

/* What kind of failure a code is. */
KlErrorKind kl_error_kind(KlErrorCode code);

/* Whether a job that ends with it stops the line: the station's fault, and a mistake of ours, would meet the next unit
 * too; a port that may not be used is its slot's trouble alone, and a network that is down now may be there for the
 * next unit. */
gboolean kl_error_stops_line(KlErrorCode code);

/* One sentence for the operator. Static. */
const char *kl_error_words(KlErrorCode code);

/* One next action for the operator. Static. */
const char *kl_error_remedy(KlErrorCode code);

/* The code of any GError: its own in KL_ERROR; G_IO_ERROR_CANCELLED is CANCELLED; INTERNAL for every other domain. */
KlErrorCode kl_error_code(const GError *error);

/* Sets *error to a KL_ERROR with a technical message (for the log and the record, never for the operator).
 * Returns FALSE, so that "return kl_fail(error, KL_ERROR_X, ...)" reads well in functions that return gboolean. */
gboolean kl_fail(GError **error, KlErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);

G_END_DECLS
