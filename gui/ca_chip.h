/* The chip of the certificate authority: locked, or for how long it is still good. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_CA_CHIP (kl_ca_chip_get_type())
G_DECLARE_FINAL_TYPE(KlCaChip, kl_ca_chip, KL, CA_CHIP, GtkButton)

/* A click on it while the CA is locked unlocks it: with the configured passphrase file, else by asking. Reads the CA's
 * certificate in a thread whenever the session has changed its lock. */
GtkWidget *kl_ca_chip_new(KlSession *session);

G_END_DECLS
