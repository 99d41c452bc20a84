/* Notes of certificates that ACM Private CA is making: one small file a key, in a folder of its own. */
#pragma once

#include "station/error.h"

G_BEGIN_DECLS

/* Keeps the certificate's ARN for job and key, durably. STORE_*. */
gboolean kl_pca_note_write(const char *folder, const char *spki_sha256, const char *job, const char *arn,
                           GError **error);

/* *arn is what was noted for that job and key, or NULL; the caller frees. STORE_FAILED when a note can't be read. */
gboolean kl_pca_note_read(const char *folder, const char *spki_sha256, const char *job, char **arn, GError **error);

/* Removes it; without one nothing happens. */
void kl_pca_note_remove(const char *folder, const char *spki_sha256);

G_END_DECLS
