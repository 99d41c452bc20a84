/* First boot as an AWS Lambda function: what both functions share. README.md of this folder has its settings. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    const char *root;  /* of the topics that it serves: "bs/" */
    gboolean software; /* it has software to hand out */
} KlLambdaFunction;

/* The whole program: reads its settings from the environment, and serves until there is no Runtime API any more.
 * Returns what main() returns. */
int kl_lambda_function_main(const KlLambdaFunction *function);

G_END_DECLS
