/* tests/peers/aws-peer for tests in C: starts it, asks it for faults, reads what it saw. README.md there says what
 * there is to ask. */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef struct AwsPeer AwsPeer;

/* Starts a peer and waits until it is ready. `options` (NULL-terminated, or NULL) are further arguments, such as
 * "--tls". Where the program and npm's packages are is said by KEYLINE_AWS_PEER and KEYLINE_DYNALITE. Whatever fails,
 * fails the test. */
AwsPeer *aws_peer_start(const char *const *options);

/* Ends the peer, waits for that, and removes its folder. */
void aws_peer_free(AwsPeer *peer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AwsPeer, aws_peer_free)

/* Its address ("http://127.0.0.1:PORT"), and its folder: iot-ca.pem and pca.pem (its CAs), tls.pem, aws.env. */
const char *aws_peer_address(const AwsPeer *peer);
const char *aws_peer_folder(const AwsPeer *peer);

/* The ARN of its private CA. The caller frees it. */
char *aws_peer_pca_arn(const AwsPeer *peer);

/* `envp` with all that leads an AWS client to the peer: endpoint, region, credentials. Takes envp, gives the new one.
 */
char **aws_peer_environ(const AwsPeer *peer, char **envp);

/* Leads every AWS client of this process, and of its children, to the peer, and to nothing else. */
void aws_peer_lead(const AwsPeer *peer);

/* One request below /__peer/, such as ("POST", "faults", "{...}"); body may be NULL. The answer, or a failed test.
 * This and what follows speak plain HTTP: not with "--tls". */
JsonNode *aws_peer_control(const AwsPeer *peer, const char *method, const char *name, const char *body);

/* Plants a fault, or several as a JSON list; takes all away. */
void aws_peer_plant(const AwsPeer *peer, const char *json);
void aws_peer_clear(const AwsPeer *peer);

/* How many calls of an operation the peer saw since it began or since DELETE calls; NULL counts all. */
guint aws_peer_calls(const AwsPeer *peer, const char *operation);

/* How many connections those calls came on. */
guint aws_peer_connections(const AwsPeer *peer);

/* The first request that the gate refused, or answer of the peer's own that did not fit the model, in words; or NULL.
 * The second fails the test on one. */
char *aws_peer_complaint(const AwsPeer *peer);
void aws_peer_assert_clean(const AwsPeer *peer);

G_END_DECLS
