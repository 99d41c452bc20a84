#include "station/transcript.h"

#define ENTRIES_MAX 65536 /* a line of noise, byte for byte, must not outgrow the bytes themselves */
#define NOTE_MAX 1024

typedef enum { ENTRY_TO_UNIT = KL_TO_UNIT, ENTRY_FROM_UNIT = KL_FROM_UNIT, ENTRY_NOTE } EntryKind;

typedef struct {
    gint64 time_us; /* since the start */
    const char *port;
    EntryKind kind;
    guint offset; /* of its bytes in KlTranscript.bytes */
    guint length;
} Entry;

struct KlTranscript {
    gint64 start_us;
    gsize room;          /* bytes of traffic that may still be kept */
    guint64 dropped;     /* bytes of traffic that were not kept */
    GArray *entries;     /* Entry */
    GByteArray *bytes;   /* of all entries */
    GStringChunk *ports; /* the names of the ports, once each */
};

KlTranscript *
kl_transcript_new(gsize max_bytes)
{
    KlTranscript *transcript = g_new0(KlTranscript, 1);
    transcript->start_us = g_get_monotonic_time();
    transcript->room = MIN(max_bytes, G_MAXINT / 2);
    transcript->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    transcript->bytes = g_byte_array_new();
    transcript->ports = g_string_chunk_new(64);
    return transcript;
}

void
kl_transcript_free(KlTranscript *transcript)
{
    if (transcript == NULL)
        return;
    g_array_unref(transcript->entries);
    g_byte_array_unref(transcript->bytes);
    g_string_chunk_free(transcript->ports);
    g_free(transcript);
}

static void
append(KlTranscript *transcript, EntryKind kind, const char *port, const guint8 *bytes, gsize length)
{
    Entry entry = {
        .time_us = g_get_monotonic_time() - transcript->start_us,
        .port = port,
        .kind = kind,
        .offset = transcript->bytes->len,
        .length = (guint)length,
    };
    g_byte_array_append(transcript->bytes, bytes, (guint)length);
    g_array_append_val(transcript->entries, entry);
}

void
kl_transcript_add(KlTranscript *transcript, const char *port, KlDirection direction, const guint8 *bytes, gsize length)
{
    if (transcript == NULL || length == 0)
        return;
    gsize kept = transcript->entries->len < ENTRIES_MAX ? MIN(length, transcript->room) : 0;
    transcript->dropped += length - kept;
    transcript->room -= kept;
    if (kept > 0)
        append(transcript, (EntryKind)direction, g_string_chunk_insert_const(transcript->ports, port), bytes, kept);
}

void
kl_transcript_note(KlTranscript *transcript, const char *format, ...)
{
    if (transcript == NULL || transcript->entries->len >= 2 * ENTRIES_MAX)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    append(transcript, ENTRY_NOTE, NULL, (const guint8 *)text, strnlen(text, NOTE_MAX));
}

/* Appends bytes as in a C string, so that g_strcompress() gives them back. */
static void
append_escaped(GString *text, const guint8 *bytes, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        guint8 byte = bytes[i];
        if (byte == '\r')
            g_string_append(text, "\\r");
        else if (byte == '\n')
            g_string_append(text, "\\n");
        else if (byte == '\t')
            g_string_append(text, "\\t");
        else if (byte == '\\')
            g_string_append(text, "\\\\");
        else if (byte >= 0x20 && byte <= 0x7e)
            g_string_append_c(text, (char)byte);
        else
            g_string_append_printf(text, "\\%03o", byte);
    }
}

/* Not by %f: its decimal point follows the locale. */
static void
append_time(GString *text, gint64 time_us)
{
    g_string_append_printf(text, "%4" G_GINT64_FORMAT ".%06" G_GINT64_FORMAT " ", time_us / G_USEC_PER_SEC,
                           time_us % G_USEC_PER_SEC);
}

char *
kl_transcript_text(const KlTranscript *transcript)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < transcript->entries->len; i++) {
        const Entry *entry = &g_array_index(transcript->entries, Entry, i);
        append_time(text, entry->time_us);
        if (entry->kind == ENTRY_NOTE)
            g_string_append(text, "# ");
        else
            g_string_append_printf(text, "%s %c ", entry->port, entry->kind == ENTRY_TO_UNIT ? '>' : '<');
        append_escaped(text, transcript->bytes->data + entry->offset, entry->length);
        g_string_append_c(text, '\n');
    }
    if (transcript->dropped > 0) {
        append_time(text, g_get_monotonic_time() - transcript->start_us);
        g_string_append_printf(text, "# %" G_GUINT64_FORMAT " bytes not kept\n", transcript->dropped);
    }
    return g_string_free(text, FALSE);
}
