/* Where a person types a passphrase or a PIN. What is typed lies in OpenSSL's secure heap and is wiped when it is
 * taken, deleted or the entry goes away; GTK itself then only ever sees copies that it draws as dots. */
#pragma once

#include <gtk/gtk.h>

#include "station/secret.h"

G_BEGIN_DECLS

#define KL_SECRET_ENTRY_MAX 1023 /* bytes */

#define KL_TYPE_SECRET_BUFFER (kl_secret_buffer_get_type())
G_DECLARE_FINAL_TYPE(KlSecretBuffer, kl_secret_buffer, KL, SECRET_BUFFER, GtkEntryBuffer)

/* A GtkEntry over a KlSecretBuffer, its text invisible; name is its accessible name. Enter activates the window's
 * default button. */
GtkWidget *kl_secret_entry_new(const char *name, GtkInputPurpose purpose);

/* Takes the text out: the entry is empty and wiped afterwards. NULL when there was none. The caller frees it. */
KlSecret *kl_secret_entry_take(GtkEntry *entry);

G_END_DECLS
