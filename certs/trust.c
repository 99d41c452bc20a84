#include "certs/trust.h"

#include <string.h>

#include "certs/certificate_der.h"
#include "certs/openssl_auto.h"
#include "station/error.h"

gboolean
kl_trust_check(const char *pem, GError **error)
{
    g_autoptr(KlX509Stack) stack = kl_x509_stack_parse(pem, strlen(pem), KL_ERROR_CONFIG_INVALID, error);
    if (stack == NULL)
        return FALSE;
    for (int i = 0; i < sk_X509_num(stack); i++) {
        if (X509_check_ca(sk_X509_value(stack, i)) != 1)
            return kl_fail(error, KL_ERROR_CONFIG_INVALID, "certificate %d of it is not a CA's", i + 1);
    }
    return TRUE;
}
