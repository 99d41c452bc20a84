/* What "keyline audit" commands share: the options that say which part of the journal is meant. */
#pragma once

#include <glib.h>

#include "station/audit.h"

G_BEGIN_DECLS

typedef struct {
    char *serial, *batch, *work_order, *product, *operator_id, *outcome, *from, *to;
} KlAuditOptions;

void kl_audit_options_clear(KlAuditOptions *options);

/* Their entries, and behind these more (NULL-terminated; may be NULL). The caller frees. */
GOptionEntry *kl_audit_options_entries(KlAuditOptions *options, const GOptionEntry *more);

/* The request borrows from the options. USAGE. */
gboolean kl_audit_options_request(KlAuditOptions *options, KlAuditRequest *request, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlAuditOptions, kl_audit_options_clear)

G_END_DECLS
