/* A secret (passphrase, PIN): wiped when freed, never logged, never in argv. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlSecret KlSecret;

/* Copies length bytes into locked, wiped-on-free memory (OpenSSL's secure heap where it is set up). */
KlSecret *kl_secret_new(const char *bytes, gsize length);
void kl_secret_free(KlSecret *secret);

/* NUL-terminated, valid while the secret lives. */
const char *kl_secret_peek(const KlSecret *secret);
gsize kl_secret_length(const KlSecret *secret);

/* A copy of length bytes that is wiped when its last reference goes. Not in the secure heap, which would be too small
 * for many of them. */
GBytes *kl_secret_bytes(const void *bytes, gsize length);

/* Sets up OpenSSL's secure heap once per process. Call it first in main(). */
void kl_secret_init(void);

/* To be called by a pooled thread when it is done with keys and secrets: frees what OpenSSL keeps for it, such as the
 * state of its random numbers, which would otherwise live as long as the thread. */
void kl_secret_thread_done(void);

/* Reads the first line of a file that only its owner may read (mode & 077 == 0). PASSPHRASE_MISSING. */
KlSecret *kl_secret_from_file(const char *path, GError **error);
/* Reads the first line from an open file descriptor. PASSPHRASE_MISSING. */
KlSecret *kl_secret_from_fd(int fd, GError **error);
/* Asks on the controlling terminal without echo. PASSPHRASE_MISSING when there is none. */
KlSecret *kl_secret_from_prompt(const char *prompt, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSecret, kl_secret_free)

G_END_DECLS
