/* Writes canonical JSON: one form for one value, so that its bytes can be hashed and signed. It is RFC 8785 (JCS)
 * restricted to what needs no judgement: objects, arrays, strings, whole numbers within +-(2^53 - 1), true and false;
 * members in the order of their names' bytes, no spaces, NULL left out. See db/AUDIT-FORMAT.md. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlCanonical KlCanonical;

/* A name where nothing was begun begins the text's object; one value without a name is a text of that value alone. */
KlCanonical *kl_canonical_new(void);
void kl_canonical_free(KlCanonical *writer);

/* Each value is a member of the open object (name: [a-z0-9_]+, and behind all that it has), or an element of the open
 * array (name NULL). Names out of order are a mistake of the program's: g_assert. Text is made valid UTF-8 (U+FFFD for
 * what is not); text NULL is left out. */
void kl_canonical_begin(KlCanonical *writer, const char *name);       /* an object */
void kl_canonical_begin_array(KlCanonical *writer, const char *name); /* an array */
void kl_canonical_end(KlCanonical *writer);                           /* of whichever was begun last */
void kl_canonical_text(KlCanonical *writer, const char *name, const char *text);
void kl_canonical_number(KlCanonical *writer, const char *name, gint64 number);
void kl_canonical_flag(KlCanonical *writer, const char *name, gboolean flag);
/* A value that is canonical JSON already. */
void kl_canonical_value(KlCanonical *writer, const char *name, const char *json);

/* Ends the writer (it is freed: g_steal_pointer() an autoptr), with all that was begun ended: the text. The caller
 * frees it. Without a value it is {}. */
char *kl_canonical_finish(KlCanonical *writer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlCanonical, kl_canonical_free)

G_END_DECLS
