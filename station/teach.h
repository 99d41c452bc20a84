/* Teaching the slots: a unit is plugged into one place after the other, in reading order, and the station learns which
 * hub port each slot is. Pure: it is told what is plugged in and says what it has learnt. */
#pragma once

#include "station/bus.h"
#include "station/config.h"

G_BEGIN_DECLS

typedef struct KlTeach KlTeach;

typedef enum {
    KL_TEACH_NOTHING,   /* nothing new */
    KL_TEACH_LEARNT,    /* the wanted place is known now; the next one is wanted */
    KL_TEACH_KNOWN,     /* that port was taught before, as kl_teach_place says */
    KL_TEACH_ELSEWHERE, /* that port is on another USB bus than the places before: no hub has both */
    KL_TEACH_SEVERAL,   /* more than one was plugged in at once: nothing is learnt; plug in one at a time */
    KL_TEACH_DONE,      /* the last place is known */
} KlTeachEvent;

/* A fixture with that name ("A": 1..16 of [A-Za-z0-9_-]) and so many rows and columns (1..16 each). */
KlTeach *kl_teach_new(const char *name, guint rows, guint columns);
void kl_teach_free(KlTeach *teach);

/* What is on the bus now (KlUsbDevice array). What was there at the first call is not new; of what has come since, only
 * modules, modules in their boot loader and adapters count. The same unit may go from port to port. */
KlTeachEvent kl_teach_see(KlTeach *teach, const GPtrArray *devices);

/* The wanted place, 0 .. rows * columns - 1 in reading order; rows * columns when all are known. */
guint kl_teach_wanted(const KlTeach *teach);
/* The place that the last LEARNT, KNOWN or DONE is about. */
guint kl_teach_place(const KlTeach *teach);
/* The port path of a place: borrowed; NULL when it is not known, or is left out. */
const char *kl_teach_path(const KlTeach *teach, guint place);

/* The wanted place has no port (a broken one): goes on to the next. NOTHING, or DONE after the last. */
KlTeachEvent kl_teach_skip(KlTeach *teach);
/* Forgets the place before the wanted one, which is wanted again. */
void kl_teach_back(KlTeach *teach);

/* The fixture as it would stand in station.conf, as "[hub NAME]" with path, rows, columns and ports. Places that are
 * not known are left out ("-"). NULL as long as nothing is known. */
char *kl_teach_text(const KlTeach *teach);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlTeach, kl_teach_free)

G_END_DECLS
