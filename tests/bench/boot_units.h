/* Simulated units at their first boot, and somebody who answers them without thinking: thousands of connections of one
 * thread, each with a certificate of its own. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct BootUnits BootUnits;

/* What the service's answers are, byte for byte but for the unit's name. */
typedef struct {
    const char *parameters;
    const char *topic;
    const char *about; /* the software: version, size, hash and signature */
    const char *software;
} BootAnswers;

/* Makes a CA of devices, FOLDER/devices.pem, and the certificates of units number 0 to n - 1: kl_boot_unit_id(). */
BootUnits *boot_units_new(const char *folder, guint n);
void boot_units_free(BootUnits *units);
/* "FX30-000001" is number 0. The caller frees it. */
char *boot_unit_id(guint number);

/* Connects units from to (not with) until and subscribes them. */
void boot_units_connect(BootUnits *units, guint16 port, guint from, guint until);

/* All these, which are connected, boot at once; returns when the last one is done, or when nothing has happened for
 * some seconds. Seconds from the first to the last; how many are done. */
double boot_units_storm(BootUnits *units, guint from, guint until, guint *done);

/* Units come one after the other, so many in a second, whatever becomes of those before, connect and boot. Their
 * seconds from the moment when they should have come until they are done are put into samples. How many are done. */
guint boot_units_stream(BootUnits *units, guint16 port, guint from, guint until, double per_second, GArray *samples);

/* Breaks off. */
void boot_units_disconnect(BootUnits *units, guint from, guint until);

/* From now on a client of the units' own thread answers them, on the service's port with the service's certificate:
 * with the answers given, which have to last until it is ended, and nothing looked at. */
void boot_units_answer(BootUnits *units, guint16 port, const char *certificate_file, const char *key_file,
                       const BootAnswers *answers);
void boot_units_answer_no_more(BootUnits *units);

/* Messages of one boot that the broker passes on: those that units send and those that they get. */
#define BOOT_MESSAGES 8

G_END_DECLS
