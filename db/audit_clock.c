#include "db/audit_clock.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define WORTH_US (2 * G_USEC_PER_SEC)

static char this_boot[37];
static pthread_once_t boot_once = PTHREAD_ONCE_INIT;

static void
read_boot(void)
{
    g_autofree char *text = NULL;
    if (g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
        g_strlcpy(this_boot, g_strchomp(text), sizeof this_boot);
}

void
kl_audit_clock_now(KlAuditClock *clock)
{
    struct timespec since_boot = {0};
    pthread_once(&boot_once, read_boot);
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    clock->wall_us = g_get_real_time();
    clock->ahead_us = clock->wall_us - (since_boot.tv_sec * G_USEC_PER_SEC + since_boot.tv_nsec / 1000);
    g_strlcpy(clock->boot, this_boot, sizeof clock->boot);
}

gint64
kl_audit_clock_jump(const KlAuditClock *now, const KlAuditClock *earlier, gint64 earlier_us)
{
    gboolean same_boot = now->boot[0] != '\0' && strcmp(now->boot, earlier->boot) == 0;
    gint64 by_us = same_boot ? now->ahead_us - earlier->ahead_us : MIN(now->wall_us - earlier_us, 0);
    return ABS(by_us) > WORTH_US ? by_us : 0;
}
