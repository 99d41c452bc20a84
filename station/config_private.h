/* What the files that read the configuration share. */
#pragma once

#include "station/config.h"

G_BEGIN_DECLS

/* One file that is being read. */
typedef struct {
    const char *path;
    char *folder; /* that relative paths count from */
    GKeyFile *keys;
} KlConfigSource;

/* A path that counts from the file's folder, as an absolute one. The caller frees. */
char *kl_config_absolute(const KlConfigSource *source, const char *path);

/* An address with an absolute path, or NULL when text is none. The caller frees. */
char *kl_config_address(const KlConfigSource *source, const char *text);

/* The addresses that there are, for messages. */
#define KL_CONFIG_ADDRESSES "serial:PATH, pty:PATH, tcp:HOST:PORT or usb:PORTPATH"

/* Whether both addresses lead, or may lead, to the same port. */
gboolean kl_config_same_port(const char *a, const char *b);

/* Adds a slot, which it takes over in any case. CONFIG_INVALID, told for that group and key: its name or one of its
 * ports is another slot's already, or there are too many. */
gboolean kl_config_add_slot(KlConfig *config, const KlConfigSource *source, const char *group, const char *key,
                            KlSlotConfig *slot, GError **error);

/* Reads all [hub ...] groups and adds their slots. */
gboolean kl_config_read_hubs(KlConfig *config, const KlConfigSource *source, GError **error);

/* Reads [usb] and [recovery]. */
gboolean kl_config_read_usb(KlConfig *config, const KlConfigSource *source, GError **error);

/* Reads [aws] and [ca] signer. */
gboolean kl_config_read_aws(KlConfig *config, const KlConfigSource *source, GError **error);
void kl_config_clear_aws(KlAwsSection *aws);

/* Reads [rehearsal]. */
gboolean kl_config_read_rehearsal(KlConfig *config, const KlConfigSource *source, GError **error);
void kl_config_clear_rehearsal(KlRehearsalSection *section);

G_END_DECLS
