/* What happens while units are worked on, on stderr: a bar on a terminal, one line an event in a pipe. */
#pragma once

#include "station/event.h"

G_BEGIN_DECLS

typedef struct KlProgress KlProgress;

/* For so many units. */
KlProgress *kl_progress_new(guint units);

/* Takes the bar away. */
void kl_progress_free(KlProgress *progress);

void kl_progress_event(KlProgress *progress, const KlEvent *event);

/* Sets how many units are done and how many are being worked on, where that is not simply the number of jobs that
 * ended: from then on the countdown is shown. */
void kl_progress_count(KlProgress *progress, guint done, guint running);

/* Says something in between, above the bar. */
void kl_progress_say(KlProgress *progress, const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlProgress, kl_progress_free)

G_END_DECLS
