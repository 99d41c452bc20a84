/* What the first-run assistant does when all is filled in. */
#pragma once

#include <gio/gio.h>

#include "gui/ca_form.h"

G_BEGIN_DECLS

typedef struct {
    char *dir;
    char *name;
    char *line_file; /* or NULL */
    KlSecret *pin;
    KlCaRequest *ca;
} KlStationRequest;

void kl_station_request_free(KlStationRequest *request);

/* A GTaskThreadFunc; data is the request. Makes the folder, keeps the PIN, then the CA as the last part: each can be
 * repeated, so a failure is mended by running it again. Returns a boolean. Errors of kl_station_setup, kl_station_open,
 * the CA. */
void kl_station_request_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel);

G_END_DECLS
