/* What the operator hears. Off when the station's setting "sounds" is "off". */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_SETTING_SOUNDS "sounds"

/* Plays the sound of a job's end through the desktop's sound theme: one for a pass, another for everything else, none
 * for a job that the operator stopped. Without a sound service it does nothing. */
void kl_sounds_verdict(GtkWidget *widget, const KlRecord *record);

G_END_DECLS
