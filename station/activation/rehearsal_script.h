/* What has to pass between a unit and the first-boot system when it boots for the first time, in order, and whether it
 * does. Without any I/O. */
#pragma once

#include "station/activation/activation.h"

G_BEGIN_DECLS

/* A message as it passed. Borrows everything. */
typedef struct {
    gboolean out; /* published for the unit; else by it */
    const char *topic;
    GBytes *payload;
    const char *verdict; /* of one by the unit: what became of it; NULL: it could not be handled, with error */
    const char *detail;  /* the verdict's, or NULL */
    const GError *error;
} KlRehearsalMessage;

typedef struct KlRehearsalScript KlRehearsalScript;

/* For the unit of that row. software: what it has to ask for, and get; NULL: it may ask, and gets none. telemetry: it
 * has to publish a JSON object on the topic of its parameters, too. */
KlRehearsalScript *kl_rehearsal_script_new(const KlRegistration *row, const KlSoftware *software, gboolean telemetry);
void kl_rehearsal_script_free(KlRehearsalScript *script);

/* Whether the unit speaks, or is spoken to, on that topic. */
gboolean kl_rehearsal_script_covers(const KlRehearsalScript *script, const char *topic);

/* Holds a message of the unit's against what has to come next. What came before may come again. *note says what it was;
 * the caller frees it. FALSE: REHEARSAL_MISMATCH, _PARAMETERS (the row has none that can be sent), _SOFTWARE, or the
 * message's own error. Nothing is right any more then. */
gboolean kl_rehearsal_script_take(KlRehearsalScript *script, const KlRehearsalMessage *message, char **note,
                                  GError **error);

/* What has to come next, "its request"; NULL: all has come. Static. */
const char *kl_rehearsal_script_missing(const KlRehearsalScript *script);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlRehearsalScript, kl_rehearsal_script_free)

G_END_DECLS
