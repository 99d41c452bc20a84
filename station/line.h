/* The line: all slots of a station side by side. A station error stops the line: no further unit is started until it is
 * cleared. */
#pragma once

#include "station/slot.h"

G_BEGIN_DECLS

typedef struct KlLine KlLine;

/* One slot for each of the configuration's; bench and sink are borrowed and must outlive the line. May be made before
 * the station is unlocked: it tells what is plugged in from then on. It takes over the bus's watch. */
KlLine *kl_line_new(const KlConfig *config, const KlBench *bench, KlEventSink sink, gpointer sink_data);
/* Stops all jobs as far as they may be stopped, and waits for their ends. From its beginning nothing is started. */
void kl_line_free(KlLine *line);

/* Borrowed; SLOT_UNKNOWN. */
KlSlot *kl_line_slot(KlLine *line, const char *name, GError **error);

/* Starts a job in a slot. SLOT_UNKNOWN, STATION_BUSY, PASSPHRASE_MISSING before the station is unlocked,
 * STATION_STOPPED after a station error or while the line is being freed. May be called from the event sink. */
gboolean kl_line_start(KlLine *line, const char *slot, const KlJobRequest *request, GError **error);

/* The error name of the station error that stopped the line, or NULL. Static string. */
const char *kl_line_stopped(KlLine *line);

/* Lets the line go on after its station error was cleared. */
void kl_line_resume(KlLine *line);

/* Looks at once at what is plugged in: for whoever takes the bus's watch for himself and passes it on. From any thread;
 * never blocks. */
void kl_line_poke(KlLine *line);

/* Asks every running job to stop. */
void kl_line_stop_all(KlLine *line);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlLine, kl_line_free)

G_END_DECLS
