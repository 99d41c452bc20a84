/* The runtime's side of AWS Lambda's Runtime API: takes one invocation after the other, and says what came of each.
 * Source: AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes". */
#pragma once

#include "station/net/http.h"

G_BEGIN_DECLS

#define KL_LAMBDA_EVENT_MAX (1024 * 1024) /* bytes; what Lambda takes in an asynchronous invocation */

/* One invocation. Borrows everything. */
typedef struct {
    const char *id; /* the same when Lambda repeats an invocation that failed */
    const char *event;
    gsize length;
} KlLambdaInvocation;

/* Serves an invocation: the answer as JSON, which the runtime frees; or NULL with an error, and Lambda repeats it later
 * (twice, as it is set by default). op has the invocation's deadline. */
typedef char *(*KlLambdaHandler)(const KlLambdaInvocation *invocation, KlOp *op, gpointer data, GError **error);

typedef struct KlLambdaRuntime KlLambdaRuntime;

/* api: "HOST:PORT", the value of AWS_LAMBDA_RUNTIME_API; only this machine's own addresses. CONFIG_INVALID. */
KlLambdaRuntime *kl_lambda_runtime_new(const char *api, GError **error);
void kl_lambda_runtime_free(KlLambdaRuntime *runtime);

/* Says that the function can't begin, and why. */
void kl_lambda_runtime_fail_init(KlLambdaRuntime *runtime, const GError *why);

/* Serves invocations for as long as there is a Runtime API; returns with the error that ended it: NET_DOWN,
 * CLOUD_GARBLED. Waiting for an invocation has no time limit: Lambda stops the process meanwhile. */
void kl_lambda_runtime_run(KlLambdaRuntime *runtime, KlLambdaHandler handler, gpointer data, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlLambdaRuntime, kl_lambda_runtime_free)

G_END_DECLS
