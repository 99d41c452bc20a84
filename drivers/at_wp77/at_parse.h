/* What a modem says, byte by byte: cuts it into lines and tells what each line is. No I/O, no allocation, no clock: the
 * same bytes give the same events however they were split into reads.
 *
 * A line ends at CR or LF; empty lines are nothing. NULs before a line are skipped. A line with any other byte than
 * printable ASCII or TAB, or longer than KL_AT_LINE_MAX, is damaged; its tail is dropped, not kept.
 *
 * What a line is, first match wins:
 *   damaged                                   GARBLED, or NOISE when it is the first one of the answer
 *   begins with the prefix that is expected   ANSWER
 *   is a final result, as a whole             FINAL
 *   begins as an unsolicited result code      URC
 *   is the command that was sent              ECHO; until the first readable line of the answer also when it is a torn
 *                                             piece of the command, or ends with the whole command
 *   comes before the first CR or LF           NOISE (an answer begins with CR LF: ITU-T V.250, 5.7.1)
 *   anything else                             OTHER
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KL_AT_LINE_MAX 1024   /* the newest le_atServer's longest response line */
#define KL_AT_COMMAND_MAX 480 /* what every le_atServer takes, "AT" included, CR not */

typedef enum {
    KL_AT_NONE, /* the bytes are used up and completed nothing */
    KL_AT_ANSWER,
    KL_AT_FINAL,
    KL_AT_URC,
    KL_AT_ECHO,
    KL_AT_OTHER,
    KL_AT_PROMPT, /* "> " at the start of a line: the module waits for text */
    KL_AT_GARBLED,
    KL_AT_NOISE,
} KlAtEvent;

typedef enum {
    KL_AT_OK,
    KL_AT_CONNECT,
    KL_AT_ERROR,
    KL_AT_CME_ERROR,
    KL_AT_CMS_ERROR,
    KL_AT_NO_CARRIER,
    KL_AT_BUSY,
    KL_AT_NO_ANSWER,
    KL_AT_NO_DIALTONE,
    KL_AT_NOT_SUPPORTED,
} KlAtFinalType;

typedef struct {
    KlAtFinalType type;
    int number; /* of a +CME or +CMS ERROR; -1 when it came as text or there is none */
} KlAtFinal;

/* The first three members tell of the last event; the others are the parser's own. */
typedef struct {
    char line[KL_AT_LINE_MAX + 1]; /* NUL-terminated, no line end, no blanks at its end; '?' for unprintable bytes */
    gsize length;
    KlAtFinal final; /* after KL_AT_FINAL */
    char command[KL_AT_COMMAND_MAX + 1];
    char prefix[32];
    gboolean damaged;  /* the line has unprintable bytes or is too long */
    gboolean complete; /* the line was told; the next byte starts a new one */
    gboolean framed;   /* a CR or LF came since the command began */
    gboolean answered; /* a readable line of the answer came */
} KlAtParser;

/* Forgets everything, also a line that has begun. A parser has to be reset before its first use. */
void kl_at_parser_reset(KlAtParser *parser);

/* The command that is about to be sent ("AT+KLINFO?", at most KL_AT_COMMAND_MAX characters) and the prefix of its
 * answer's lines ("+KLINFO:", at most 31 characters, or NULL). NULL command: none is in flight. Keeps a line that has
 * begun. */
void kl_at_parser_begin(KlAtParser *parser, const char *command, const char *prefix);

/* Takes bytes from *bytes (and *length), up to and including the one that completes an event. parser->line and
 * parser->final tell of it until the next call. KL_AT_NONE when the bytes are used up. */
KlAtEvent kl_at_parser_next(KlAtParser *parser, const guint8 **bytes, gsize *length);

/* TRUE when a line has begun and not ended. */
gboolean kl_at_parser_in_line(const KlAtParser *parser);

/* TRUE when the line, as a whole, is a final result (3GPP TS 27.007, 9; ITU-T V.250, 5.7.1; le_atServer). */
gboolean kl_at_final_parse(const char *line, KlAtFinal *final);

G_END_DECLS
