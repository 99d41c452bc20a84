/* The form that a certificate authority is made or taken over with: in the Setup page's dialog and in the first-run
 * assistant. */
#pragma once

#include <gtk/gtk.h>

#include "station/secret.h"

G_BEGIN_DECLS

#define KL_TYPE_CA_FORM (kl_ca_form_get_type())
G_DECLARE_FINAL_TYPE(KlCaForm, kl_ca_form, KL, CA_FORM, GtkBox)

/* What was filled in. */
typedef struct {
    char *name;           /* of a new CA; NULL: import */
    char *key;            /* PEM file of an imported one */
    char *certificate;    /* PEM file of an imported one */
    KlSecret *opens_key;  /* passphrase of the imported key file, or NULL */
    KlSecret *passphrase; /* that the key will be encrypted under */
} KlCaRequest;

void kl_ca_request_free(KlCaRequest *request);

/* Makes or takes over the CA in the station folder dir. Blocks (scrypt, key files): call it in a thread. CA_*,
 * PASSPHRASE_*. */
gboolean kl_ca_request_run(const KlCaRequest *request, const char *dir, GError **error);

/* Signal "changed": whether it is complete may have changed. */
GtkWidget *kl_ca_form_new(void);

/* The name that a new CA is offered; only as long as nobody has typed another one. */
void kl_ca_form_suggest(KlCaForm *form, const char *station_name);

gboolean kl_ca_form_complete(KlCaForm *form);

/* Takes everything out; the passphrases are wiped from the form. NULL unless complete. The caller frees it. */
KlCaRequest *kl_ca_form_take(KlCaForm *form);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlCaRequest, kl_ca_request_free)

G_END_DECLS
