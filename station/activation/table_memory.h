/* The registration table of first boot in memory: for the rehearsal and for tests. What is kept is gone with it;
 * nothing is ever written down, notes for the journal neither. */
#pragma once

#include "station/activation/table.h"

G_BEGIN_DECLS

/* An empty table. Its methods fail with INTERNAL only. */
KlActivationTable *kl_activation_memory_new(void);

/* Puts a copy of the row in; a device that is there already is forgotten first, with its ids, counts and credential. */
void kl_activation_memory_put(KlActivationTable *table, const KlRegistration *row);

/* Forgets a device, in the same way. */
void kl_activation_memory_drop(KlActivationTable *table, const char *device);

/* How often that verdict was counted for the device; "": for all who are in no row. */
guint kl_activation_memory_count(KlActivationTable *table, const char *device, const char *verdict);

G_END_DECLS
