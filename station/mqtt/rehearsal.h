/* The rehearsal of first boot on a broker of the station's own: one broker and one first-boot system for all slots,
 * with a registration table in memory. Each unit speaks on its own topics only, and is watched by itself. */
#pragma once

#include "station/rehearsal.h"

G_BEGIN_DECLS

/* Borrowed while it is made only. */
typedef struct {
    const char *listen;   /* IP address */
    guint16 listen_port;  /* 0: a free one */
    const char *host;     /* how units reach it; NULL: as listen */
    guint16 port;         /* 0: the one that it listens on */
    const char *anchors;  /* PEM text: the CAs that sign units' certificates */
    const char *topic;    /* where units publish their telemetry, DEVICE_ID in place of a unit's; NULL: nowhere */
    gboolean telemetry;   /* a unit has to */
    const char *software; /* a folder with software (software_folder.h), which units that have a "software_key" in their
                             parameters have to take; NULL: none */
    const char *program;  /* mosquitto; NULL: wherever it is */
    gint64 (*clock_us)(void); /* UTC, by which the broker's age is told; NULL: the system's. For tests */
} KlMqttRehearsalOptions;

/* Starts nothing yet. */
KlRehearsal *kl_mqtt_rehearsal_new(const KlMqttRehearsalOptions *options);

/* The broker's process; 0: there is none. For tests. */
int kl_mqtt_rehearsal_pid(const KlRehearsal *rehearsal);

G_END_DECLS
