/* What an answer of AWS says. Pure. */
#pragma once

#include <json-glib/json-glib.h>

#include "station/net/http.h"

G_BEGIN_DECLS

/* What an answer means for the one who asked. */
typedef enum {
    KL_AWS_DONE,
    KL_AWS_GARBLED,   /* not an answer of AWS, or not one that can be read */
    KL_AWS_THROTTLED, /* surely not done: too many calls */
    KL_AWS_NOT_YET,   /* surely not done: something asked for before is still under way */
    KL_AWS_TROUBLE,   /* the service failed; it may have been done */
    KL_AWS_EXPIRED,   /* surely not done: the keys hold no longer */
    KL_AWS_UNKNOWN_KEYS,
    KL_AWS_SKEWED, /* the clocks differ too much */
    KL_AWS_DENIED,
    KL_AWS_LIMITED, /* by a quota, which no waiting changes */
    KL_AWS_MISSING,
    KL_AWS_CONFLICT,
    KL_AWS_REFUSED, /* anything else that is not as the service wants it */
} KlAwsMeaning;

typedef struct {
    int status;       /* HTTP; 0: there was no answer */
    char *error_name; /* "ResourceAlreadyExistsException"; NULL for none */
    char *request_id; /* or NULL */
    JsonNode *body; /* what the answer holds, also of an error; NULL for an empty body or one that is no JSON object (or
                       XML) */
    GBytes *bytes;  /* what a good answer brings when that is no document (see KlAwsProtocol); else NULL */
    gint64 server_time; /* its Date, seconds since 1970; 0: unknown */
    gint64 took_us;     /* with all attempts and pauses */
    guint attempts;     /* requests sent */
    gboolean doubtful;  /* an attempt before the last may have been obeyed: a conflict may be with ourselves */
} KlAwsAnswer;

/* Fills in what an HTTP answer (fate ANSWERED) says, and what that means at the time now (seconds since 1970). bytes: a
 * good answer is no document. */
KlAwsMeaning kl_aws_answer_read(KlAwsAnswer *answer, const KlHttpAnswer *http, gboolean bytes, gint64 now);

/* The string at a path of member names ("certificatePem", or "Table.TableStatus"; in XML
 * "GetCallerIdentityResponse.GetCallerIdentityResult.Account"); NULL when there is none. Valid while
 * the answer lives. */
const char *kl_aws_answer_text(const KlAwsAnswer *answer, const char *path);

void kl_aws_answer_clear(KlAwsAnswer *answer);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlAwsAnswer, kl_aws_answer_clear)

G_END_DECLS
