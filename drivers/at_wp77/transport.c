#include "drivers/at_wp77/transport.h"

#include <string.h>

#include "drivers/at_wp77/transport_fd.h"
#include "drivers/at_wp77/transport_serial.h"
#include "station/error.h"

static const struct {
    const char *scheme;
    KlTransport *(*open)(const char *address, const char *where, const KlOp *op, GError **error);
} schemes[] = {
    {"serial:", kl_transport_open_serial},
    {"pty:", kl_transport_open_pty},
    {"tcp:", kl_transport_open_tcp},
};

KlTransport *
kl_transport_open(const char *address, const KlOp *op, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++) {
        gsize length = strlen(schemes[i].scheme);
        if (strncmp(address, schemes[i].scheme, length) == 0 && address[length] != '\0')
            return schemes[i].open(address, address + length, op, error);
    }
    kl_fail(error, KL_ERROR_CONFIG_INVALID, "'%s' is not serial:DEVICE, pty:PATH or tcp:HOST:PORT", address);
    return NULL;
}

gboolean
kl_transport_present(const char *address)
{
    const char *path = strchr(address, ':');
    if (path == NULL || g_str_has_prefix(address, "tcp:"))
        return path != NULL;
    return g_file_test(path + 1, G_FILE_TEST_EXISTS);
}
