/* The History page: finds records, shows one with its unit's life, exports what was found. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

GtkWidget *kl_history_page_new(KlSession *session);

G_END_DECLS
