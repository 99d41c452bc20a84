/* What went over the wires of one job: every byte with its direction, port and time. Belongs to one thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlTranscript KlTranscript;

typedef enum { KL_TO_UNIT, KL_FROM_UNIT } KlDirection;

/* A transcript that keeps at most max_bytes of traffic; what comes after is counted, not kept. Its clock starts now. */
KlTranscript *kl_transcript_new(gsize max_bytes);
void kl_transcript_free(KlTranscript *transcript);

/* Adds bytes that went over the port ("agent", "modem"). NULL transcript: does nothing. */
void kl_transcript_add(KlTranscript *transcript, const char *port, KlDirection direction, const guint8 *bytes,
                       gsize length);

/* Adds a remark of the station's ("step install, attempt 2"). NULL transcript: does nothing. */
void kl_transcript_note(KlTranscript *transcript, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The transcript as UTF-8 text, one line an entry: seconds since the start, port, '>' (to the unit) or '<', and the
 * bytes with everything but printable ASCII escaped as in C: "   0.012345 agent > AT+KLINFO?\r". Remarks are
 * "   0.012345 # text"; the last line tells how many bytes were not kept, if any. */
char *kl_transcript_text(const KlTranscript *transcript);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlTranscript, kl_transcript_free)

G_END_DECLS
