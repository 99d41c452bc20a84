/* One port of a simulated unit: takes command lines off its wire and puts the answers on it, at the line's speed. */
#pragma once

#include "drivers/at_wp77/agent/host/host_line.h"

G_BEGIN_DECLS

typedef struct KlSimPort KlSimPort;

/* What becomes of an answer on its way out. */
typedef struct {
    gint64 delay_us;         /* how long the unit works on it */
    gboolean silent;         /* it never leaves */
    gboolean garbage;        /* it arrives as noise */
    gboolean echo;           /* the command goes before it, whatever ATE says */
    const char *unsolicited; /* a line that follows it, or NULL. Static */
} KlSimReply;

/* Runs one command line: response lines go to out, and *reply (all zero before) says how they travel. */
typedef void (*KlSimPortHandler)(gpointer data, KlSimPort *port, const char *line, gsize len, KlAgentOut out,
                                 gpointer out_data, KlSimReply *reply);

typedef struct {
    const char *link;    /* copied; NULL: it is found by kl_sim_port_pts */
    gboolean modem_echo; /* echo is on at power-up, as modems have it */
    gboolean paced;      /* 115200 baud, 8N1, in both directions */
    guint64 random;      /* for noise and delays */
    KlSimPortHandler handler;
    gpointer data; /* borrowed */
} KlSimPortPlan;

KlSimPort *kl_sim_port_new(const KlSimPortPlan *plan);

/* Unplugs and frees the port. */
void kl_sim_port_free(KlSimPort *port);

/* Plugs the port in, with a line discipline as after power-up. FALSE with a G_IO_ERROR. */
gboolean kl_sim_port_plug(KlSimPort *port, GError **error);

/* Unplugs it; all that was on its way is lost. */
void kl_sim_port_unplug(KlSimPort *port);

/* "/dev/pts/7" of a plugged-in port. The caller frees it. */
char *kl_sim_port_pts(const KlSimPort *port);

/* The line discipline: for kl_host_line_basic, and for unsolicited lines inside an answer. Borrowed. */
KlHostLine *kl_sim_port_line(KlSimPort *port);

/* For poll(); the descriptor is -1 while the port is unplugged. */
int kl_sim_port_fd(const KlSimPort *port);
short kl_sim_port_events(const KlSimPort *port);

/* When the next byte is due, as g_get_monotonic_time(); G_MAXINT64 when nothing is on its way or when the wire is full
 * (the port then asks for POLLOUT). */
gint64 kl_sim_port_due(const KlSimPort *port);

/* Reads what has arrived and runs its commands. A command that arrives while another one runs gets an ERROR at once,
 * as from le_atServer. */
void kl_sim_port_receive(KlSimPort *port);

/* Sends what is due. */
void kl_sim_port_send(KlSimPort *port);

/* TRUE when nothing is on its way out and the station has read everything. */
gboolean kl_sim_port_drained(const KlSimPort *port);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSimPort, kl_sim_port_free)

G_END_DECLS
