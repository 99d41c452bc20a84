/* The parts of a request's address as AWS wants them written (RFC 3986, with nothing left to taste). Pure. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A name and its value. Lists of them end with a NULL name. */
typedef struct {
    const char *name;
    const char *value;
} KlPair;

/* text with every byte percent-encoded (upper-case hex) but A-Z a-z 0-9 - _ . ~, and the slash where keep_slash. */
char *kl_uri_encode(const char *text, gboolean keep_slash);

/* "/a/b%20c" of the segments "a", "b c"; ends with NULL. "/" without a segment. */
char *kl_uri_path(const char *segment, ...) G_GNUC_NULL_TERMINATED;

/* "a=1&b=%2F" in SigV4's canonical order: sorted by encoded name, then by encoded value. "" for NULL or no pairs. It is
 * sent as it is signed. */
char *kl_uri_query(const KlPair *query);

G_END_DECLS
