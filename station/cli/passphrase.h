/* Where a command takes the CA's passphrase from: a file, a file descriptor, the station's configured file, or the
 * terminal. Never the command line. */
#pragma once

#include "station/station.h"

G_BEGIN_DECLS

typedef struct {
    char *file; /* --passphrase-file */
    int fd;     /* --passphrase-fd; -1: not given */
} KlPassphraseSource;

#define KL_PASSPHRASE_SOURCE_INIT                                                                                      \
    {                                                                                                                  \
        NULL, -1                                                                                                       \
    }

/* The two options, for a table of GOptionEntry. */
#define KL_PASSPHRASE_ENTRIES(source)                                                                                  \
    {"passphrase-file",                                                                                                \
     0,                                                                                                                \
     0,                                                                                                                \
     G_OPTION_ARG_FILENAME,                                                                                            \
     &(source).file,                                                                                                   \
     "Read the CA passphrase from FILE (mode 0600)",                                                                   \
     "FILE"},                                                                                                          \
    {                                                                                                                  \
        "passphrase-fd", 0, 0, G_OPTION_ARG_INT, &(source).fd, "Read the CA passphrase from file descriptor N", "N"    \
    }

void kl_passphrase_source_clear(KlPassphraseSource *source);
gboolean kl_passphrase_source_given(const KlPassphraseSource *source);

/* From the source if one was given, else from configured_file (may be NULL), else asked with prompt; then a second time
 * if twice. PASSPHRASE_MISSING; PASSPHRASE_WRONG when the two differ. */
KlSecret *kl_passphrase_get(const KlPassphraseSource *source, const char *configured_file, const char *prompt,
                            gboolean twice, GError **error);

/* Unlocks the station: source, configuration, or the terminal. */
gboolean kl_passphrase_unlock(KlStation *station, const KlPassphraseSource *source, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlPassphraseSource, kl_passphrase_source_clear)

G_END_DECLS
