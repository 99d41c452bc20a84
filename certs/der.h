/* DER, strictly (ITU-T X.690, clause 10): OpenSSL's decoders also take much of BER, and then two texts can mean one
 * request. Pure, no allocation. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Tags, as their one identifier octet. */
#define KL_DER_INTEGER 0x02
#define KL_DER_BIT_STRING 0x03
#define KL_DER_OID 0x06
#define KL_DER_UTF8 0x0c
#define KL_DER_PRINTABLE 0x13
#define KL_DER_IA5 0x16
#define KL_DER_SEQUENCE 0x30
#define KL_DER_SET 0x31
#define KL_DER_CONTEXT_0 0xa0 /* constructed */

/* A run of octets, borrowed; as a cursor it shrinks from the front. */
typedef struct {
    const guint8 *data;
    gsize length;
} KlDer;

typedef struct {
    guint8 tag;
    KlDer content;
    KlDer whole; /* with tag and length */
} KlDerItem;

/* Takes the next value off the cursor. FALSE (cursor as before) at the end, or when tag or length are not DER. */
gboolean kl_der_next(KlDer *cursor, KlDerItem *item);

/* kl_der_next() for a value that must have that tag. item may be NULL. */
gboolean kl_der_expect(KlDer *cursor, guint8 tag, KlDerItem *item);

/* TRUE when both hold the same octets. */
gboolean kl_der_is(KlDer der, const void *data, gsize length);

/* NULL when data is exactly one DER value with nothing after it; else what is wrong with it (static text). */
const char *kl_der_problem(const guint8 *data, gsize length);

G_END_DECLS
