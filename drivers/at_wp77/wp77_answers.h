/* The agent's answers about keys, requests and items (PROTOCOL.md), from their lines (char *). Pure: no I/O, fit for a
 * fuzzer. Everything that is not exactly of the protocol's form is ANSWER_GARBLED. */
#pragma once

#include "station/driver.h"

G_BEGIN_DECLS

#define KL_WP77_CSR_MAX 4096 /* bytes of DER */

/* +KLKEY: "<sha256 of SPKI>","<backend>", one line: the key that was just made. Clear *info after use. */
gboolean kl_wp77_key_made_parse(const GPtrArray *lines, KlKeyInfo *info, GError **error);

/* +KLKEY: "<slot>","<sha256 of SPKI>","<backend>","<open or locked>", a line for each key: what is said of one slot;
 * info->exists is FALSE when it is not listed. Clear *info after use. */
gboolean kl_wp77_key_list_parse(const GPtrArray *lines, const char *slot, KlKeyInfo *info, GError **error);

/* +KLCSR: <offset>,<total>,"<base64>" lines in order and without gaps, then +KLCSR: "<sha256 of the whole>". */
GBytes *kl_wp77_csr_parse(const GPtrArray *lines, GError **error);

/* +KLITEM: "<item>","<length>","<sha256>" lines, each item once: an array of KlItemInfo. */
GPtrArray *kl_wp77_items_parse(const GPtrArray *lines, GError **error);

/* +KLPROVE: "<base64 of DER signature>", one line. */
GBytes *kl_wp77_proof_parse(const GPtrArray *lines, GError **error);

/* +KLBOOT: "<key>","<value>" lines: the first boot. Keys and troubles that are not known do no harm. Clear *info after
 * use. */
gboolean kl_wp77_boot_parse(const GPtrArray *lines, KlBootInfo *info, GError **error);

G_END_DECLS
