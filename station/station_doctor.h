/* What the doctor's files share. */
#pragma once

#include "station/station.h"

G_BEGIN_DECLS

/* What the findings are about. Parts that could not be read are NULL. */
typedef struct {
    const char *dir;
    const KlSecret *passphrase;
    const KlStation *running; /* the station that this program runs, or NULL */
    KlConfig *config;
    KlProfile *profile;
    GPtrArray *findings; /* KlFinding */
} KlDoctor;

/* Findings are made in the language of the program's text domain (the command line sets none: it speaks English):
 * title, remedy and format are marked with N_(). */

/* Adds a finding that is as it should be; with a warning_remedy (else NULL): works, but not for long or not well. */
void kl_doctor_good(KlDoctor *doctor, const char *title, const char *warning_remedy, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* Adds a finding that stops the shift, with what to do about it. */
void kl_doctor_wrong(KlDoctor *doctor, const char *title, const char *remedy, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* The same for an error, which it takes over, with the error's own remedy. */
void kl_doctor_bad(KlDoctor *doctor, const char *title, GError *error);

/* The same with a remedy for the line engineer. */
void kl_doctor_bad_but(KlDoctor *doctor, const char *title, GError *error, const char *remedy);

/* Adds that the bus can't be looked at; takes the error over. */
void kl_doctor_no_bus(KlDoctor *doctor, GError *error);

/* Looks at the bus and at every slot that is known by its hub port. */
void kl_doctor_usb(KlDoctor *doctor, KlBus *bus);

/* Looks at the cloud account of a station with an [aws] group, by harmless calls only. */
void kl_doctor_aws(KlDoctor *doctor);

/* Looks at what rehearsing first boots needs, where the product wants it. */
void kl_doctor_rehearsal(KlDoctor *doctor);

/* Looks at the journal and its seal. */
void kl_doctor_journal(KlDoctor *doctor);

/* Looks for units that somebody else may speak for. */
void kl_doctor_field(KlDoctor *doctor);

/* Notes the findings in the journal, if that may be written now. */
void kl_doctor_note(const KlDoctor *doctor);

/* Looks at what waits to go to the cloud, and at the device numbers that came from there. */
void kl_doctor_outbox(KlDoctor *doctor, KlStore *store);

G_END_DECLS
