#include "station/activation/table.h"

void
kl_activation_credential_clear(KlActivationCredential *credential)
{
    g_clear_pointer(&credential->csr, g_bytes_unref);
    g_clear_pointer(&credential->pem, g_free);
}
