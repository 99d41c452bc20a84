/* Which program has a port open, as far as /proc lets us see. */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

#define KL_MODEM_MANAGER "ModemManager"

typedef struct {
    pid_t pid;
    char program[32]; /* as the kernel calls it: the first 15 characters */
} KlPortHolder;

/* Finds a process that has the device ("/dev/ttyUSB2") open; another one than ourselves if there is one. program: only
 * processes of that name; NULL: any. FALSE when there is none, or none that we may look into. Takes a few milliseconds
 * on a machine with hundreds of processes. */
gboolean kl_port_holder_find(const char *device, const char *program, KlPortHolder *holder);

/* Whether a program of that name runs at all. */
gboolean kl_program_runs(const char *program);

G_END_DECLS
