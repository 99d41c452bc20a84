#include "certs/openssl_error.h"

#include <openssl/err.h>

#define MAX_REASONS 3

gboolean
kl_openssl_fail(GError **error, KlErrorCode code, const char *format, ...)
{
    GString *text = g_string_new(NULL);
    va_list args;
    va_start(args, format);
    g_string_append_vprintf(text, format, args);
    va_end(args);

    const char *data = NULL;
    int flags = 0;
    unsigned long reason = 0;
    for (int i = 0; i < MAX_REASONS && (reason = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0; i++) {
        const char *words = ERR_reason_error_string(reason);
        g_string_append_printf(text, "%s %s", i == 0 ? ":" : ";", words != NULL ? words : "unknown OpenSSL error");
        if ((flags & ERR_TXT_STRING) != 0 && data != NULL && *data != '\0')
            g_string_append_printf(text, " (%s)", data);
    }
    ERR_clear_error();
    kl_fail(error, code, "%s", text->str);
    g_string_free(text, TRUE);
    return FALSE;
}
