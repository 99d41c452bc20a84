/* The first run: makes a station in a folder that has none, with its CA and its supervisor's PIN. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define KL_TYPE_ASSISTANT (kl_assistant_get_type())
G_DECLARE_FINAL_TYPE(KlAssistant, kl_assistant, KL, ASSISTANT, GtkAssistant)

/* Signal "finished" (const char *dir): the station is ready; the assistant closes by itself after it. Closed or
 * cancelled before that, it is only destroyed; what it has made so far stays, and running it again goes on from there.
 */
GtkWidget *kl_assistant_new(const char *dir);

G_END_DECLS
