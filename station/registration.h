/* A row of the bootstrapping registration table: the seven fields that the first-boot system reads. */
#pragma once

#include <glib.h>

#include "station/profile.h"

G_BEGIN_DECLS

typedef struct {
    char *device;
    char *registered; /* "false", "requested", "ok": strings, not booleans */
    char *policy;
    char *firmware;
    char *parameters; /* JSON text */
    gint64 version;
    gint64 connections;
} KlRegistration;

/* The row of a fresh unit: registered "false", version 0, connections 0, DEVICE_ID replaced in the parameters. */
KlRegistration *kl_registration_new(const KlProfile *profile, const char *device_id);
/* The caller frees it. */
KlRegistration *kl_registration_copy(const KlRegistration *row);
void kl_registration_free(KlRegistration *row);

/* The "topic" in parameters: where a unit that has them publishes; NULL when they name none. The caller frees. */
char *kl_parameters_topic(const char *parameters);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlRegistration, kl_registration_free)

G_END_DECLS
