/* The line below the scan entry: what the last scan did, for some seconds; else what to do next. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define KL_TYPE_SCAN_WORDS (kl_scan_words_get_type())
G_DECLARE_FINAL_TYPE(KlScanWords, kl_scan_words, KL, SCAN_WORDS, GtkLabel)

GtkWidget *kl_scan_words_new(void);

/* What to do next: shown when nothing else is. */
void kl_scan_words_hint(KlScanWords *self, const char *text);

/* Says what was done or (ok FALSE) refused, for 8 seconds. */
void kl_scan_words_say(KlScanWords *self, gboolean ok, const char *text);

/* What was said of something done is out of date: back to the hint. A refusal stays for its time. */
void kl_scan_words_settle(KlScanWords *self);

G_END_DECLS
