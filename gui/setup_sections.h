/* The sections of the Setup page that have no header of their own. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

/* Name, folder, sounds; the slots with their ports and who answers there; teaching a hub. Calls changed(data) after
 * that. */
GtkWidget *kl_setup_station_new(KlSession *session, GFunc changed, gpointer data);

/* The product that is made, and the change to another one (a supervisor's act). Calls changed(data) after that. */
GtkWidget *kl_setup_product_new(KlSession *session, GFunc changed, gpointer data);

/* The certificate authority: what it is, unlock, create, import, list of revoked certificates. */
GtkWidget *kl_setup_ca_new(KlSession *session);

/* Supervisor's acts: provision a unit again, revoke a certificate. */
GtkWidget *kl_setup_acts_new(KlSession *session);

/* The journal: the seal's fingerprint, the last checkpoint, a new one, an export. */
GtkWidget *kl_setup_audit_new(KlSession *session);

G_END_DECLS
