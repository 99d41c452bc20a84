/* What the fuzz programs share. Each of them is fuzz-NAME.c with LLVMFuzzerTestOneInput(). With -Dfuzz=true it is
 * linked with libFuzzer; always it is linked with replay.c too, which runs the seeds and the regressions as an ordinary
 * test.
 *
 * Seeds are text in seeds/NAME/, inputs that once were findings in regressions/NAME/:
 *   *.txt   the input as it is
 *   *.esc   C escapes (\r, \001, \\) in text; line ends are layout and not part of the input
 *   *.b64   base64
 * A file named good-* has to be accepted by what is tested, one named bad-* must not be; the others only have to pass.
 */
#pragma once

#include <glib.h>

/* Counts the inputs that were taken as good at least once; each program adds to it. */
extern guint fuzz_accepted;

/* Called once, before all inputs. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

/* Makes GLib's criticals and warnings findings. */
void fuzz_init(void);

/* Every library call succeeds or tells why: one KL_ERROR with a message that can stand in a log and a record (UTF-8,
 * one line, at most 8192 bytes). */
void fuzz_assert_result(gboolean ok, const GError *error);

/* TRUE for text of ASCII from blank to tilde (and tabs). */
gboolean fuzz_is_printable(const char *text);
