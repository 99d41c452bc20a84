#include "host_line.h"

#include <string.h>

typedef enum { BEFORE_AT, AFTER_A, IN_COMMAND } LineState;

struct KlHostLine {
    KlHostLineHandler handler;
    gpointer handler_data;
    KlHostLineWrite write;
    gpointer write_data;
    LineState state;
    char text[KL_HOST_LINE_MAX];
    gsize len;
    gboolean echo;
    gboolean cmee;
    gboolean answered; /* the command has had a response line already */
};

KlHostLine *
kl_host_line_new(KlHostLineHandler handler, gpointer handler_data, KlHostLineWrite write, gpointer write_data)
{
    KlHostLine *line = g_new0(KlHostLine, 1);
    line->handler = handler;
    line->handler_data = handler_data;
    line->write = write;
    line->write_data = write_data;
    return line;
}

void
kl_host_line_free(KlHostLine *line)
{
    g_free(line);
}

void
kl_host_line_reset(KlHostLine *line)
{
    line->state = BEFORE_AT;
    line->len = 0;
    line->echo = FALSE;
    line->cmee = FALSE;
}

static void
send_framed(KlHostLine *line, const char *before, const char *text)
{
    g_autofree char *bytes = g_strconcat(before, text, "\r\n", NULL);
    line->write(line->write_data, (const guint8 *)bytes, strlen(bytes));
}

void
kl_host_line_unsolicited(KlHostLine *line, const char *text)
{
    send_framed(line, "\r\n", text);
}

/* The KlAgentOut that handlers write to. */
static void
respond(void *data, KlAgentRsp kind, const char *text)
{
    KlHostLine *line = data;
    if (kind == KL_AGENT_FINAL && !line->cmee && g_str_has_prefix(text, "+CME ERROR:"))
        text = "ERROR";
    send_framed(line, kind == KL_AGENT_FINAL || !line->answered ? "\r\n" : "", text);
    line->answered = TRUE;
}

static void
dispatch(KlHostLine *line)
{
    line->answered = FALSE;
    line->handler(line->handler_data, line->text, line->len, respond, line);
}

static void
take_byte(KlHostLine *line, char byte)
{
    char letter = g_ascii_toupper(byte);
    switch (line->state) {
    case BEFORE_AT:
        line->state = letter == 'A' ? AFTER_A : BEFORE_AT;
        break;
    case AFTER_A:
        if (letter == 'T') {
            line->state = IN_COMMAND;
            memcpy(line->text, "AT", 2);
            line->len = 2;
        } else if (letter != 'A') {
            line->state = BEFORE_AT;
        }
        break;
    case IN_COMMAND:
        if (byte == '\r') {
            line->state = BEFORE_AT;
            dispatch(line);
        } else if (byte != '\0' && byte != '\n' && line->len < sizeof line->text) {
            line->text[line->len++] = byte;
        }
        break;
    }
}

void
kl_host_line_feed(KlHostLine *line, const guint8 *bytes, gsize len)
{
    for (gsize i = 0; i < len; i++) {
        if (line->echo)
            line->write(line->write_data, &bytes[i], 1);
        take_byte(line, (char)bytes[i]);
    }
}

/* E0, E1, E, V1 in any number and order. Changes nothing and returns FALSE when there is anything else. */
static gboolean
run_basic_settings(KlHostLine *line, const char *settings)
{
    gboolean echo = line->echo;
    while (*settings != '\0') {
        char letter = g_ascii_toupper(*settings++);
        gboolean has_digit = g_ascii_isdigit(*settings);
        char digit = has_digit ? *settings++ : '0';
        if (letter == 'E' && (digit == '0' || digit == '1'))
            echo = digit == '1';
        else if (letter != 'V' || digit != '1')
            return FALSE;
    }
    line->echo = echo;
    return TRUE;
}

static gboolean
run_cmee(KlHostLine *line, const char *rest, KlAgentOut out, gpointer out_data)
{
    if (strcmp(rest, "=0") == 0 || strcmp(rest, "=1") == 0) {
        line->cmee = rest[1] == '1';
    } else if (strcmp(rest, "?") == 0) {
        out(out_data, KL_AGENT_INTERMEDIATE, line->cmee ? "+CMEE: 1" : "+CMEE: 0");
    } else if (strcmp(rest, "=?") == 0) {
        out(out_data, KL_AGENT_INTERMEDIATE, "+CMEE: (0,1)");
    } else {
        return FALSE;
    }
    return TRUE;
}

gboolean
kl_host_line_basic(KlHostLine *line, const char *text, gsize len, KlAgentOut out, gpointer out_data)
{
    static const char cmee[] = "AT+CMEE";
    g_autofree char *command = g_strndup(text, len);
    gboolean done;
    if (g_ascii_strncasecmp(command, cmee, strlen(cmee)) == 0)
        done = run_cmee(line, command + strlen(cmee), out, out_data);
    else
        done = g_ascii_strncasecmp(command, "AT", 2) == 0 && run_basic_settings(line, command + 2);
    if (done)
        out(out_data, KL_AGENT_FINAL, "OK");
    return done;
}
