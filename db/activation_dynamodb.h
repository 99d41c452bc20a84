/* The registration table of first boot (station/activation/table.h) in DynamoDB: the table that stations put their rows
 * into (db/sink_dynamodb.h). What is remembered of a device stands beside the seven fields, in the same item, so that
 * one conditional update keeps it all or nothing:
 *
 * keyline_boot_turn      tokens of the item's last changes, newest first: an update holds for the newest one that was
 *                        read, and an update whose answer was lost finds its own among them
 * keyline_boot_ids       ids of the device's last messages, newest first
 * keyline_boot_first, keyline_boot_seen
 *                        when it was heard of first and last (microseconds since 1970)
 * keyline_boot_count_VERDICT
 *                        how often that verdict was given; for devices that are in no row in the item
 *                        KL_BOOT_NOBODY, at least as often
 * keyline_boot_csr (Base64), keyline_boot_claimant, keyline_boot_since, keyline_boot_claimed, keyline_boot_pem
 *                        its credential
 *
 * There is no journal in DynamoDB: whoever opens the table is told what would stand there. */
#pragma once

#include "station/activation/table.h"
#include "station/net/aws.h"

G_BEGIN_DECLS

/* The names of those attributes begin so. */
#define KL_BOOT_ATTRIBUTE "keyline_boot_"

/* The item that no device has: "#" is in no device id. */
#define KL_BOOT_NOBODY "#nobody"

/* The attributes that a unit which is provisioned anew begins without: all but what was counted. NULL-terminated. */
extern const char *const kl_boot_attributes[];

/* aws is borrowed and has to live longer; the table's name is copied. Asks nobody anything yet. told, which may be
 * NULL, gets the note of each change once it is kept, in the thread that had it kept. */
KlActivationTable *kl_activation_dynamodb_new(KlAws *aws, const char *table,
                                              void (*told)(const char *note, gpointer data), gpointer data);

G_END_DECLS
