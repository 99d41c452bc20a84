/* Was the clock set? Within a boot of the computer, CLOCK_BOOTTIME tells: it counts also while the computer sleeps, and
 * nobody sets it. From one boot to the next only a clock that went backwards shows. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    gint64 wall_us;  /* UTC, microseconds since 1970; not known of an earlier reading: 0 */
    gint64 ahead_us; /* of CLOCK_BOOTTIME */
    char boot[37];   /* which boot; empty: the kernel does not say */
} KlAuditClock;

void kl_audit_clock_now(KlAuditClock *clock);

/* By how much the clock was set between earlier, which was at earlier_us, and now; 0 for what is not worth a word (2 s:
 * hardware clocks have whole seconds). */
gint64 kl_audit_clock_jump(const KlAuditClock *now, const KlAuditClock *earlier, gint64 earlier_us);

G_END_DECLS
