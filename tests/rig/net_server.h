/* An HTTP server on 127.0.0.1 that does what it is told, well or badly, in threads of its own. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    NET_REPLY,       /* status, headers, body */
    NET_DROP_UNREAD, /* closes the connection before it reads the request */
    NET_DROP_READ,   /* reads the request, then closes the connection */
    NET_RAW,         /* these bytes, then closes */
    NET_RAW_STAY,    /* these bytes, then silence */
    NET_SILENT,      /* reads the request and says nothing */
} NetDeed;

typedef struct {
    NetDeed deed;
    int status;          /* 0: 200 */
    const char *headers; /* "Name: value\r\n" lines, or NULL */
    const char *body;    /* of a reply, or the bytes of a raw one; NULL: "{}" */
} NetAct;

typedef struct NetServer NetServer;

NetServer *net_server_start(void);
void net_server_stop(NetServer *server);

/* "http://127.0.0.1:PORT" */
const char *net_server_origin(const NetServer *server);

/* What to do with the next requests, the last act for all that follow. acts must outlive the server's use of them.
 * Forgets the requests so far. */
void net_server_plan(NetServer *server, const NetAct *acts, guint count);

/* In place of a plan: asked for each request, in the connection's thread. */
void net_server_answer(NetServer *server, NetAct (*answer)(const char *request, gpointer data), gpointer data);

/* Requests read since the plan was made, and the text of one. */
guint net_server_requests(NetServer *server);
char *net_server_request(NetServer *server, guint index);

/* Connections accepted since the start. */
guint net_server_connections(NetServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetServer, net_server_stop)

G_END_DECLS
