/* A unit's first boot on a host: a thread of its own, which runs the machine of states (activation.h) over a connection
 * (boot_mqtt.h), with the unit's store behind it. The software hook puts the software into the unit's folder. */
#pragma once

#include "drivers/at_wp77/agent/activation.h"
#include "drivers/at_wp77/agent/host/host_store.h"

G_BEGIN_DECLS

/* Everything is copied but ops and their data, which outlive the boot. */
typedef struct {
    const KlAgentOps *ops; /* of certificate, key and items; safe beside the agent's own thread */
    gpointer ops_data;
    KlHostStore *store;            /* where the software goes; borrowed */
    const char *const *connect_to; /* "HOST:PORT=ADDRESS:PORT", ended by NULL: where an endpoint is in truth; or NULL */
    gint64 clock_offset_s;         /* how far the unit's clock is off */
    gboolean deaf;                 /* no message reaches it */
    KlAgentBootTimes times;
} KlHostBootOptions;

typedef struct KlHostBoot KlHostBoot;

/* The unit has power: goes on with a first boot that has begun. A G_IO_ERROR. */
KlHostBoot *kl_host_boot_start(const KlHostBootOptions *options, GError **error);

/* The power goes. */
void kl_host_boot_stop(KlHostBoot *boot);

/* The commands; their data is a KlHostBoot. Safe from any thread. */
extern const KlAgentBootControl kl_host_boot_control;

/* Whether a text is of the form of connect_to. */
gboolean kl_host_boot_connect_to_valid(const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlHostBoot, kl_host_boot_stop)

G_END_DECLS
