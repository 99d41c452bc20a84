#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "station/error.h"

#define MESSAGE_MAX 8192

guint fuzz_accepted;

void
fuzz_init(void)
{
    g_log_set_always_fatal((GLogLevelFlags)(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING));
}

void
fuzz_assert_result(gboolean ok, const GError *error)
{
    g_assert_true(ok == (error == NULL));
    if (ok)
        return;
    g_assert_true(error->domain == KL_ERROR);
    g_assert_cmpint(error->code, <, KL_ERROR_LAST);
    g_assert_cmpstr(error->message, !=, "");
    g_assert_cmpuint(strlen(error->message), <=, MESSAGE_MAX);
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    g_assert_null(strpbrk(error->message, "\r\n"));
}

gboolean
fuzz_is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text != '\t' && !g_ascii_isprint(*text))
            return FALSE;
    }
    return TRUE;
}
