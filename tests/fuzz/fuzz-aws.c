/* What comes from AWS, or from whoever sits in between: an answer's headers and body (input 'a'), and the files and
 * JSON with keys (input 'f', 'k'). */
#include <string.h>

#include "station/error.h"
#include "station/net/aws_answer.h"
#include "station/net/aws_file.h"
#include "station/net/aws_verdict.h"
#include "station/net/credential_sources.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    return 0;
}

/* Status, header lines, an empty line, the body. */
static void
try_answer(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    char *split = strstr(text, "\n\n");
    gsize head = split != NULL ? (gsize)(split - text) : strlen(text);
    gsize body = split != NULL ? head + 2 : size;
    text[head] = '\0';
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_auto(KlHttpAnswer) http = {.fate = KL_HTTP_ANSWERED, .headers = g_ptr_array_new(), .body = g_byte_array_new()};
    http.status = lines[0] != NULL ? (int)g_ascii_strtoull(lines[0], NULL, 10) : 0;
    for (guint i = 1; lines[0] != NULL && lines[i] != NULL; i++)
        g_ptr_array_add(http.headers, lines[i]);
    g_byte_array_append(http.body, data + MIN(body, size), (guint)(size - MIN(body, size)));
    g_byte_array_append(http.body, (const guint8 *)"", 1);
    g_byte_array_set_size(http.body, http.body->len - 1);

    g_auto(KlAwsAnswer) answer = {0};
    KlAwsMeaning meaning = kl_aws_answer_read(&answer, &http, FALSE, 1700000000);
    KlAwsVerdict verdict = kl_aws_verdict_of_answer(meaning);
    g_assert_true(verdict.done == (http.status >= 200 && http.status < 300 && meaning == KL_AWS_DONE));
    g_assert_true(!verdict.done || answer.body != NULL || http.body->len == 0);
    g_assert_true(answer.error_name == NULL || fuzz_is_printable(answer.error_name));
    g_assert_true(answer.request_id == NULL || fuzz_is_printable(answer.request_id));
    const char *found = kl_aws_answer_text(&answer, "a.b");
    g_assert_true(found == NULL || g_utf8_validate(found, -1, NULL));
    if (verdict.done)
        fuzz_accepted++;
}

static void
try_file(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(KlAwsFile) file = kl_aws_file_parse(text);
    const char *value = kl_aws_file_get(file, "default", "key");
    g_assert_true(value == NULL || kl_aws_file_has(file, "default"));
    kl_aws_file_get(file, "default", "s3.key");
    if (value != NULL)
        fuzz_accepted++;
}

static void
try_keys(const guint8 *data, gsize size)
{
    static const KlKeysJson names = {"test", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"};
    g_autofree char *text = g_memdup2(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlAwsKeys) keys = kl_keys_from_json(text, size, &names, &error);
    fuzz_assert_result(keys != NULL, error);
    if (keys == NULL)
        return;
    g_assert_true(fuzz_is_printable(keys->access_key_id));
    g_assert_true(fuzz_is_printable(kl_secret_peek(keys->secret_key)));
    fuzz_accepted++;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    if (size > 0 && data[0] == 'a')
        try_answer(data + 1, size - 1);
    else if (size > 0 && data[0] == 'f')
        try_file(data + 1, size - 1);
    else if (size > 0 && data[0] == 'k')
        try_keys(data + 1, size - 1);
    return 0;
}
