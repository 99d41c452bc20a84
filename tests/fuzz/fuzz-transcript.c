/* Bytes of the wire into a transcript: one line of plain text for each entry, and no byte lost or invented. */
#include <string.h>

#include "station/transcript.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    return 0;
}

static guint
count_lines(const char *text)
{
    guint lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

/* The first entry's bytes, with the escapes undone, are those that were added. g_strcompress() can't give NULs back. */
static void
assert_shows(const char *text, const guint8 *data, gsize size)
{
    if (memchr(data, '\0', size) != NULL)
        return;
    const char *at = strstr(text, "agent < ");
    g_assert_nonnull(at);
    g_autofree char *shown = g_strndup(at + strlen("agent < "), strcspn(at + strlen("agent < "), "\n"));
    g_autofree char *bytes = g_strcompress(shown);
    g_assert_cmpmem(bytes, strlen(bytes), data, size);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(KlTranscript) transcript = kl_transcript_new(65536);
    kl_transcript_add(transcript, "agent", KL_FROM_UNIT, data, size);
    kl_transcript_note(transcript, "step %s", "install");
    g_autofree char *text = kl_transcript_text(transcript);
    g_assert_true(g_utf8_validate(text, -1, NULL));
    if (size > 0 && size <= 65536) {
        g_assert_cmpuint(count_lines(text), ==, 2);
        assert_shows(text, data, size);
        fuzz_accepted++;
    }
    return 0;
}
