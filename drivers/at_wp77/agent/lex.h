/* Takes one AT command line apart the way le_atServer does for a Legato app, so that a host can do the same. Plain C.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define KL_AGENT_COMMAND_MAX 480   /* bytes of a command, "AT" included, CR not */
#define KL_AGENT_PARAMETER_MAX 120 /* characters of one parameter, quotes not included */
#define KL_AGENT_PARAMETERS_MAX 4  /* one more than any command takes */
#define KL_AGENT_NAME_MAX 16

/* What kind of command it is; the names are le_atServer's. */
typedef enum {
    KL_AGENT_ACT,        /* AT+NAME */
    KL_AGENT_PARAMETERS, /* AT+NAME="a","b" */
    KL_AGENT_TEST,       /* AT+NAME=? */
    KL_AGENT_READ,       /* AT+NAME? */
} KlAgentType;

typedef struct {
    KlAgentType type;
    size_t n_parameters;
    char parameters[KL_AGENT_PARAMETERS_MAX][KL_AGENT_PARAMETER_MAX + 1];
} KlAgentLine;

/* The command's name, upper-case and without the "+": "AT+KLinfo?" gives "KLINFO". Returns where the name ends in the
 * line, or 0 when the line is no extended command. */
size_t kl_agent_lex_name(const char *line, size_t len, char name[KL_AGENT_NAME_MAX + 1]);

/* What follows the name, line[from] to line[len]. Every parameter has to be quoted; NULs, control characters and bytes
 * above 0x7e are errors. Returns 0, KL_AGENT_E_SYNTAX or KL_AGENT_E_TOO_LONG. */
int kl_agent_lex(const char *line, size_t len, size_t from, KlAgentLine *out);
