/* A record's steps, drawn to scale: one line an attempt, a bar from its start for as long as it took; what failed
 * differs by colour, hatching and words. Its accessible description tells the same. */
#pragma once

#include <gtk/gtk.h>

#include "station/record.h"

G_BEGIN_DECLS

#define KL_TYPE_TIMELINE (kl_timeline_get_type())
G_DECLARE_FINAL_TYPE(KlTimeline, kl_timeline, KL, TIMELINE, GtkDrawingArea)

GtkWidget *kl_timeline_new(void);

/* Shows the steps of a record, which is copied; NULL: nothing. */
void kl_timeline_set_record(KlTimeline *timeline, const KlRecord *record);

G_END_DECLS
