/* A new secret, typed twice: two entries and a line that says what is still wrong. */
#pragma once

#include <gtk/gtk.h>

#include "station/secret.h"

G_BEGIN_DECLS

#define KL_TYPE_SECRET_PAIR (kl_secret_pair_get_type())
G_DECLARE_FINAL_TYPE(KlSecretPair, kl_secret_pair, KL, SECRET_PAIR, GtkGrid)

/* label names the first entry ("New PIN"), again the second; fewer than least characters are not enough. Signal
 * "changed": whether it is complete may have changed. */
GtkWidget *kl_secret_pair_new(const char *label, const char *again, guint least, GtkInputPurpose purpose);

/* Long enough, and twice the same. */
gboolean kl_secret_pair_complete(KlSecretPair *pair);

/* Takes the secret out: both entries are empty and wiped afterwards. NULL unless complete. The caller frees it. */
KlSecret *kl_secret_pair_take(KlSecretPair *pair);

G_END_DECLS
