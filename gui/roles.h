/* Roles: the operator who is signed on, the supervisor's PIN, the auditor's read-only view. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

/* The section of the Setup page. */
GtkWidget *kl_roles_section_new(KlSession *session);

G_END_DECLS
