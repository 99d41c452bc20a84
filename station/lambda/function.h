/* First boot as an AWS Lambda function: what both functions share. README.md of this folder has its settings. */
#pragma once

#include "station/activation/engine.h"
#include "station/net/aws.h"

G_BEGIN_DECLS

typedef struct {
    const char *root;  /* of the topics that it serves: "bs/" */
    gboolean software; /* it has software to hand out */
    /* Makes the parts such that certificates can be handed out (credentials.h); NULL: it never hands out any. */
    gboolean (*add_credentials)(KlActivationParts *parts, KlAws *aws, GError **error);
} KlLambdaFunction;

/* The whole program: reads its settings from the environment, and serves until there is no Runtime API any more.
 * Returns what main() returns. */
int kl_lambda_function_main(const KlLambdaFunction *function);

G_END_DECLS
