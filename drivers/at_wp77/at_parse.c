#include "drivers/at_wp77/at_parse.h"

#include <string.h>

/* Lines that a module sends unasked, by how they begin. */
static const char *const urc_prefixes[] = {
    "+WDSI:", "+CREG:", "+CEREG:", "+CGREG:", "+CMTI:", "+CDSI:", "+CRING:", "+CLIP:", "+CUSD:", "+CGEV:", "+CTZV:",
};

static const struct {
    const char *text;
    KlAtFinalType type;
} finals[] = {
    {"OK", KL_AT_OK},
    {"CONNECT", KL_AT_CONNECT},
    {"ERROR", KL_AT_ERROR},
    {"NO CARRIER", KL_AT_NO_CARRIER},
    {"BUSY", KL_AT_BUSY},
    {"NO ANSWER", KL_AT_NO_ANSWER},
    {"NO DIALTONE", KL_AT_NO_DIALTONE},
    {"COMMAND NOT SUPPORT", KL_AT_NOT_SUPPORTED},
};

/* ": 519" gives 519; a text or a number of more than nine digits gives -1. */
static int
parse_error_number(const char *text)
{
    int number = 0;
    text += *text == ':';
    text += strspn(text, " ");
    gsize digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || text[digits] != '\0')
        return -1;
    for (gsize i = 0; i < digits; i++)
        number = number * 10 + (text[i] - '0');
    return number;
}

/* "+CME ERROR: 519", "+CME ERROR: SIM not inserted", "+CME ERROR". */
static gboolean
parse_extended_error(const char *line, const char *name, KlAtFinalType type, KlAtFinal *final)
{
    gsize length = strlen(name);
    if (strncmp(line, name, length) != 0 || (line[length] != ':' && line[length] != '\0'))
        return FALSE;
    *final = (KlAtFinal){type, parse_error_number(line + length)};
    return TRUE;
}

gboolean
kl_at_final_parse(const char *line, KlAtFinal *final)
{
    for (gsize i = 0; i < G_N_ELEMENTS(finals); i++) {
        if (strcmp(line, finals[i].text) == 0) {
            *final = (KlAtFinal){finals[i].type, -1};
            return TRUE;
        }
    }
    if (g_str_has_prefix(line, "CONNECT ")) {
        *final = (KlAtFinal){KL_AT_CONNECT, -1};
        return TRUE;
    }
    return parse_extended_error(line, "+CME ERROR", KL_AT_CME_ERROR, final) ||
           parse_extended_error(line, "+CMS ERROR", KL_AT_CMS_ERROR, final);
}

static gboolean
is_urc(const char *line)
{
    for (gsize i = 0; i < G_N_ELEMENTS(urc_prefixes); i++) {
        if (g_str_has_prefix(line, urc_prefixes[i]))
            return TRUE;
    }
    return strcmp(line, "RING") == 0;
}

static gboolean
is_echo(const KlAtParser *parser)
{
    const char *line = parser->line;
    const char *command = parser->command;
    if (command[0] == '\0')
        return FALSE;
    if (strcmp(line, command) == 0)
        return TRUE;
    if (parser->answered || parser->length < 2)
        return FALSE;
    return g_str_has_prefix(command, line) || g_str_has_suffix(command, line) || g_str_has_suffix(line, command);
}

static KlAtEvent
classify(KlAtParser *parser)
{
    if (parser->damaged)
        return parser->framed ? KL_AT_GARBLED : KL_AT_NOISE;
    if (parser->length == 0)
        return KL_AT_NONE;
    if (parser->prefix[0] != '\0' && g_str_has_prefix(parser->line, parser->prefix)) {
        parser->answered = TRUE;
        return KL_AT_ANSWER;
    }
    if (kl_at_final_parse(parser->line, &parser->final))
        return KL_AT_FINAL;
    if (is_urc(parser->line))
        return KL_AT_URC;
    if (is_echo(parser))
        return KL_AT_ECHO;
    if (!parser->framed)
        return KL_AT_NOISE;
    parser->answered = TRUE;
    return KL_AT_OTHER;
}

static KlAtEvent
end_line(KlAtParser *parser)
{
    while (parser->length > 0 && g_ascii_isspace(parser->line[parser->length - 1]))
        parser->length--;
    parser->line[parser->length] = '\0';
    KlAtEvent event = classify(parser);
    parser->framed = TRUE;
    parser->complete = TRUE;
    return event;
}

static KlAtEvent
take_byte(KlAtParser *parser, guint8 byte)
{
    if (byte == '\r' || byte == '\n')
        return end_line(parser);
    if (byte == '\0' && parser->length == 0)
        return KL_AT_NONE;
    if (parser->length == KL_AT_LINE_MAX) {
        parser->damaged = TRUE;
        return KL_AT_NONE;
    }
    gboolean readable = byte == '\t' || (byte >= 0x20 && byte < 0x7f);
    parser->damaged |= !readable;
    parser->line[parser->length++] = readable ? (char)byte : '?';
    if (parser->length == 2 && memcmp(parser->line, "> ", 2) == 0) {
        parser->line[parser->length] = '\0';
        parser->complete = TRUE;
        return KL_AT_PROMPT;
    }
    return KL_AT_NONE;
}

void
kl_at_parser_reset(KlAtParser *parser)
{
    *parser = (KlAtParser){.complete = TRUE};
}

void
kl_at_parser_begin(KlAtParser *parser, const char *command, const char *prefix)
{
    g_strlcpy(parser->command, command != NULL ? command : "", sizeof parser->command);
    g_strlcpy(parser->prefix, prefix != NULL ? prefix : "", sizeof parser->prefix);
    parser->framed = FALSE;
    parser->answered = FALSE;
}

gboolean
kl_at_parser_in_line(const KlAtParser *parser)
{
    return !parser->complete && parser->length > 0;
}

KlAtEvent
kl_at_parser_next(KlAtParser *parser, const guint8 **bytes, gsize *length)
{
    while (*length > 0) {
        if (parser->complete) {
            parser->length = 0;
            parser->damaged = FALSE;
            parser->complete = FALSE;
        }
        guint8 byte = *(*bytes)++;
        (*length)--;
        KlAtEvent event = take_byte(parser, byte);
        if (event != KL_AT_NONE)
            return event;
    }
    return KL_AT_NONE;
}
