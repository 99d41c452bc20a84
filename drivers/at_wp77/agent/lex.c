#include "lex.h"

#include "agent_errors.h"

#include <string.h>

static char
upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool
is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

size_t
kl_agent_lex_name(const char *line, size_t len, char name[KL_AGENT_NAME_MAX + 1])
{
    if (len < 4 || upper(line[0]) != 'A' || upper(line[1]) != 'T' || line[2] != '+')
        return 0;
    size_t n = 0;
    while (3 + n < len && is_name_char(upper(line[3 + n]))) {
        if (n == KL_AGENT_NAME_MAX)
            return 0;
        name[n] = upper(line[3 + n]);
        n++;
    }
    name[n] = '\0';
    return n > 0 ? 3 + n : 0;
}

/* One quoted parameter from line[*at], which is moved behind the closing quote. */
static int
lex_parameter(const char *line, size_t len, size_t *at, char out[KL_AGENT_PARAMETER_MAX + 1])
{
    size_t i = *at;
    if (i >= len || line[i] != '"')
        return KL_AGENT_E_SYNTAX;
    size_t n = 0;
    for (i++; i < len && line[i] != '"'; i++) {
        if (line[i] < 0x20 || line[i] > 0x7e)
            return KL_AGENT_E_SYNTAX;
        if (n == KL_AGENT_PARAMETER_MAX)
            return KL_AGENT_E_TOO_LONG;
        out[n++] = line[i];
    }
    out[n] = '\0';
    if (i >= len)
        return KL_AGENT_E_SYNTAX;
    *at = i + 1;
    return 0;
}

static int
lex_parameters(const char *line, size_t len, size_t at, KlAgentLine *out)
{
    for (;;) {
        if (out->n_parameters == KL_AGENT_PARAMETERS_MAX)
            return KL_AGENT_E_SYNTAX;
        int error = lex_parameter(line, len, &at, out->parameters[out->n_parameters]);
        if (error != 0)
            return error;
        out->n_parameters++;
        if (at == len)
            return 0;
        if (line[at++] != ',')
            return KL_AGENT_E_SYNTAX;
    }
}

int
kl_agent_lex(const char *line, size_t len, size_t from, KlAgentLine *out)
{
    *out = (KlAgentLine){.type = KL_AGENT_ACT};
    if (len > KL_AGENT_COMMAND_MAX)
        return KL_AGENT_E_TOO_LONG;
    const char *rest = line + from;
    size_t rest_len = len - from;
    if (rest_len == 0)
        return 0;
    if (rest_len == 1 && rest[0] == '?') {
        out->type = KL_AGENT_READ;
        return 0;
    }
    if (rest_len == 2 && memcmp(rest, "=?", 2) == 0) {
        out->type = KL_AGENT_TEST;
        return 0;
    }
    if (rest[0] != '=')
        return KL_AGENT_E_SYNTAX;
    out->type = KL_AGENT_PARAMETERS;
    return lex_parameters(line, len, from + 1, out);
}
