/* Notes of certificates that ACM Private CA was asked for: one small file a key, in a folder of its own. */
#pragma once

#include "station/error.h"

G_BEGIN_DECLS

typedef enum {
    KL_PCA_NONE,   /* nothing was asked for */
    KL_PCA_ASKED,  /* the request was about to be sent; text: its body, JSON */
    KL_PCA_MADE,   /* the CA has taken it; text: the certificate's ARN */
    KL_PCA_FAILED, /* and has made none; text: the ARN */
} KlPcaState;

typedef struct {
    KlPcaState state;
    char *text; /* NULL with KL_PCA_NONE */
} KlPcaNote;

void kl_pca_note_clear(KlPcaNote *note);

/* Keeps the note for job and key, durably, in place of the key's earlier one. text has no line breaks. STORE_*. */
gboolean kl_pca_note_write(const char *folder, const char *spki_sha256, const char *job, const KlPcaNote *note,
                           GError **error);

/* *note is what was noted for that job and key. STORE_FAILED when a note can't be read. */
gboolean kl_pca_note_read(const char *folder, const char *spki_sha256, const char *job, KlPcaNote *note,
                          GError **error);

/* Removes it; without one nothing happens. */
void kl_pca_note_remove(const char *folder, const char *spki_sha256);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlPcaNote, kl_pca_note_clear)

G_END_DECLS
