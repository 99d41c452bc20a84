/* What one attempt at a call came to, and whether to try again. Pure. */
#pragma once

#include "station/error.h"
#include "station/net/aws_answer.h"

G_BEGIN_DECLS

typedef struct {
    gboolean done;
    KlErrorCode code;  /* when not done */
    gboolean harmless; /* it surely had no effect */
    gboolean again;    /* a later attempt may do better */
} KlAwsVerdict;

/* Of an exchange without an answer. */
KlAwsVerdict kl_aws_verdict_of_loss(KlHttpFate fate, KlHttpCause cause);

/* Of an answer. */
KlAwsVerdict kl_aws_verdict_of_answer(KlAwsMeaning meaning);

G_END_DECLS
