/* PEM text as a signer or a CA folder may hold it, into the reader of chains. What is read, written out and read again
 * is the same, and there is no other text in it. */
#include <openssl/err.h>
#include <string.h>

#include "certs/certificate_der.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    return 0;
}

static KlX509Stack *
parse(const char *pem, gsize length)
{
    g_autoptr(GError) error = NULL;
    KlX509Stack *stack = kl_x509_stack_parse(pem, length, KL_ERROR_ISSUED_WRONG, &error);
    fuzz_assert_result(stack != NULL, error);
    g_assert_cmpuint(ERR_peek_error(), ==, 0);
    return stack;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(KlX509Stack) stack = parse((const char *)data, size);
    if (stack == NULL)
        return 0;
    g_assert_cmpint(sk_X509_num(stack), >=, 1);
    g_assert_cmpint(sk_X509_num(stack), <=, KL_CHAIN_MAX_CERTIFICATES);
    g_autofree char *pem = kl_x509_stack_pem(stack);
    g_assert_true(g_str_has_prefix(pem, "-----BEGIN CERTIFICATE-----\n"));
    g_assert_null(strstr(pem, "PRIVATE KEY"));
    g_autoptr(KlX509Stack) again = parse(pem, strlen(pem));
    g_assert_nonnull(again);
    g_assert_cmpint(sk_X509_num(again), ==, sk_X509_num(stack));
    g_autofree char *written = kl_x509_stack_pem(again);
    g_assert_cmpstr(written, ==, pem);
    fuzz_accepted++;
    return 0;
}
