/* AT+KLBOOT. Internal to the agent; plain C. */
#pragma once

#include "commands.h"

/* One command on its way: its parameters, already counted and of legal length, and where its answer goes. */
typedef struct {
    const KlAgentBootControl *boot; /* NULL: there is no first boot, nor the command */
    void *data;
    const char *const *parameters;
    KlAgentOut out;
    void *out_data;
} KlAgentBootCall;

int kl_agent_boot_command(const KlAgentBootCall *call);          /* ="start", ="reset" */
int kl_agent_boot_rehearse_command(const KlAgentBootCall *call); /* ="rehearse","<address>","<sha256>" */
int kl_agent_boot_status_command(const KlAgentBootCall *call);   /* ? */

/* Sends +NAME: "<key>","<value>". Values come from the modem or from a broker: what could break a quoted string becomes
 * '?'. */
void kl_agent_answer_pair(KlAgentOut out, void *out_data, const char *name, const char *key, const char *value);
