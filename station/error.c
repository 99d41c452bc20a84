#include "station/error.h"

#include <gio/gio.h>
#include <pthread.h>

#include "station/i18n.h"

typedef struct {
    const char *name;
    KlErrorKind kind;
    const char *words;
    const char *remedy;
} ErrorInfo;

static const ErrorInfo infos[] = {
#define KL_E(code, kind, words, remedy) {#code, KL_ERROR_KIND_##kind, words, remedy},
#include "station/error.def"
#undef KL_E
};

static GQuark quark;

static void
make_quark(void)
{
    quark = g_quark_from_static_string("kl-error-quark");
}

/* What G_DEFINE_QUARK makes, but for the data race of its first calls. */
GQuark
kl_error_quark(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_quark);
    return quark;
}

static const ErrorInfo *
info(KlErrorCode code)
{
    return &infos[(guint)code < KL_ERROR_LAST ? code : KL_ERROR_INTERNAL];
}

const char *
kl_error_name(KlErrorCode code)
{
    return info(code)->name;
}

int
kl_error_from_name(const char *name)
{
    for (int i = 0; i < KL_ERROR_LAST; i++) {
        if (g_strcmp0(infos[i].name, name) == 0)
            return i;
    }
    return -1;
}

KlErrorKind
kl_error_kind(KlErrorCode code)
{
    return info(code)->kind;
}

gboolean
kl_error_stops_line(KlErrorCode code)
{
    if (code == KL_ERROR_PORT_DENIED || code == KL_ERROR_PORT_MODEM_MANAGER || code == KL_ERROR_POWER_STUCK)
        return FALSE;
    KlErrorKind kind = kl_error_kind(code);
    return kind == KL_ERROR_KIND_STATION || kind == KL_ERROR_KIND_BUG;
}

const char *
kl_error_words(KlErrorCode code)
{
    return info(code)->words;
}

const char *
kl_error_remedy(KlErrorCode code)
{
    return info(code)->remedy;
}

KlErrorCode
kl_error_code(const GError *error)
{
    g_return_val_if_fail(error != NULL, KL_ERROR_INTERNAL);
    if (error->domain == KL_ERROR)
        return (KlErrorCode)error->code;
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return KL_ERROR_CANCELLED;
    return KL_ERROR_INTERNAL;
}

gboolean
kl_fail(GError **error, KlErrorCode code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, KL_ERROR, (int)code, message);
    return FALSE;
}
