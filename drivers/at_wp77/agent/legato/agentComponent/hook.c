#include "hook.h"

#include "legato.h"

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>

#define HOOK_VARIABLE "KEYLINE_SOFTWARE_HOOK"

extern char **environ;

static bool
run(const char *what, const char *version, const char *file)
{
    char *program = getenv(HOOK_VARIABLE);
    pid_t child = 0;
    int status = 0;
    if (program == NULL || *program == '\0')
        return false;
    char *arguments[] = {program, (char *)what, (char *)version, (char *)file, NULL};
    if (posix_spawn(&child, program, NULL, NULL, arguments, environ) != 0) {
        LE_ERROR("the software hook can't be run");
        return false;
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool
write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return fsync(fd) == 0;
}

bool
kl_hook_apply(int64_t version, const uint8_t *bytes, size_t len)
{
    char file[] = "/tmp/keyline-software-XXXXXX";
    char number[24];
    int fd = mkstemp(file);
    if (fd < 0)
        return false;
    snprintf(number, sizeof number, "%lld", (long long)version);
    bool ok = write_all(fd, bytes, len);
    ok = close(fd) == 0 && ok && run("apply", number, file);
    unlink(file);
    return ok;
}

/* Without a hook, no software was ever applied. */
bool
kl_hook_revert(void)
{
    const char *program = getenv(HOOK_VARIABLE);
    return program == NULL || *program == '\0' || run("revert", NULL, NULL);
}
