#include "db/audit_verify.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "station/error.h"

/* What tells the kinds apart stands within the first so many bytes. */
#define LOOK 512

static gssize
read_beginning(const char *path, char bytes[LOOK])
{
    gssize got = -1;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) {
        got = read(fd, bytes, LOOK);
        close(fd);
    }
    return got;
}

KlAuditReport *
kl_audit_verify(const char *path, const KlAuditVerify *options, GError **error)
{
    char bytes[LOOK] = {0};
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return kl_audit_verify_export(path, options, error);
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR) || read_beginning(path, bytes) < 0) {
        kl_fail(error, KL_ERROR_AUDIT_UNREADABLE, "%s: there is no such file that can be read", path);
        return NULL;
    }
    if (memcmp(bytes, "SQLite format 3", 16) == 0)
        return kl_audit_verify_database(path, options, error);
    if (bytes[0] == '{')
        return kl_audit_verify_proof(path, options, error);
    if (memcmp(bytes + 257, "ustar", 5) == 0)
        return kl_audit_verify_export(path, options, error);
    kl_fail(error, KL_ERROR_AUDIT_UNREADABLE, "%s is neither a database nor an export nor a proof", path);
    return NULL;
}
