/* The Setup page: station, product, certificate authority, supervisor acts, roles, doctor. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_SETUP_PAGE (kl_setup_page_get_type())
G_DECLARE_FINAL_TYPE(KlSetupPage, kl_setup_page, KL, SETUP_PAGE, GtkBox)

/* Signal "reopen": the station's configuration was changed (another product, a hub); open the session again for it to
 * take effect. */
GtkWidget *kl_setup_page_new(KlSession *session);

/* Shows the section with that name: "station", "product", "ca", "acts", "roles", "doctor". */
void kl_setup_page_show(KlSetupPage *page, const char *section);

G_END_DECLS
