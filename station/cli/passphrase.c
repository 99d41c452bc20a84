#include "station/cli/passphrase.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

void
kl_passphrase_source_clear(KlPassphraseSource *source)
{
    g_clear_pointer(&source->file, g_free);
}

gboolean
kl_passphrase_source_given(const KlPassphraseSource *source)
{
    return source->file != NULL || source->fd >= 0;
}

/* Asks on the terminal; Ctrl-C works there even where it is blocked because units are about to be worked on. */
static KlSecret *
ask(const char *prompt, GError **error)
{
    sigset_t stop, before;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &stop, &before);
    KlSecret *secret = kl_secret_from_prompt(prompt, error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return secret;
}

static KlSecret *
ask_twice(const char *prompt, GError **error)
{
    g_autoptr(KlSecret) first = ask(prompt, error);
    if (first == NULL)
        return NULL;
    g_autoptr(KlSecret) second = ask("The same again: ", error);
    if (second == NULL)
        return NULL;
    if (strcmp(kl_secret_peek(first), kl_secret_peek(second)) != 0) {
        kl_fail(error, KL_ERROR_PASSPHRASE_WRONG, "the two passphrases are not the same");
        return NULL;
    }
    return g_steal_pointer(&first);
}

KlSecret *
kl_passphrase_get(const KlPassphraseSource *source, const char *configured_file, const char *prompt, gboolean twice,
                  GError **error)
{
    if (source->file != NULL)
        return kl_secret_from_file(source->file, error);
    if (source->fd >= 0)
        return kl_secret_from_fd(source->fd, error);
    if (configured_file != NULL)
        return kl_secret_from_file(configured_file, error);
    return twice ? ask_twice(prompt, error) : ask(prompt, error);
}

gboolean
kl_passphrase_unlock(KlStation *station, const KlPassphraseSource *source, GError **error)
{
    if (!kl_passphrase_source_given(source) && !kl_station_needs_passphrase(station))
        return kl_station_unlock(station, NULL, error);
    g_autoptr(KlSecret) passphrase = kl_passphrase_get(source, NULL, "CA passphrase: ", FALSE, error);
    return passphrase != NULL && kl_station_unlock(station, passphrase, error);
}
