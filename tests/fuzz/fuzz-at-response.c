/* A conversation on the wire: the command up to its CR, then what the module answers. The parser has to hear the same
 * however the bytes are split into reads; then every reader of answers gets what was heard. */
#include <string.h>

#include "drivers/at_wp77/at_fields.h"
#include "drivers/at_wp77/at_parse.h"
#include "drivers/at_wp77/wp77_answers.h"
#include "drivers/at_wp77/wp77_identity.h"
#include "station/error.h"
#include "tests/fuzz/fuzz.h"

#define PREFIX_SIZE 32
#define FIELDS_MAX 4

typedef struct {
    char *command;
    char prefix[PREFIX_SIZE]; /* "" for commands without one */
    const guint8 *bytes;
    gsize length;
} Conversation;

/* What was heard of an answer. */
typedef struct {
    GString *events;
    GPtrArray *answers; /* the lines with the prefix */
    GPtrArray *others;
} Heard;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    return 0;
}

static void
conversation_clear(Conversation *conversation)
{
    g_free(conversation->command);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Conversation, conversation_clear)

static Conversation
conversation_new(const guint8 *data, gsize size)
{
    Conversation conversation = {.bytes = data};
    const guint8 *end = size > 0 ? memchr(data, '\r', size) : NULL;
    gsize length = MIN(end != NULL ? (gsize)(end - data) : 0, KL_AT_COMMAND_MAX);
    conversation.command = g_strndup((const char *)data, length);
    conversation.bytes += length;
    conversation.length = size - length;
    if (g_str_has_prefix(conversation.command, "AT+")) {
        const char *name = conversation.command + strlen("AT+");
        gsize name_length = strspn(name, G_CSET_A_2_Z);
        if (name_length > 0 && name_length < PREFIX_SIZE - 2)
            g_snprintf(conversation.prefix, PREFIX_SIZE, "+%.*s:", (int)name_length, name);
    }
    return conversation;
}

static void
heard_clear(Heard *heard)
{
    g_string_free(heard->events, TRUE);
    g_ptr_array_unref(heard->answers);
    g_ptr_array_unref(heard->others);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Heard, heard_clear)

static Heard
heard_new(void)
{
    return (Heard){
        .events = g_string_new(NULL),
        .answers = g_ptr_array_new_with_free_func(g_free),
        .others = g_ptr_array_new_with_free_func(g_free),
    };
}

static void
hear(Heard *heard, const KlAtParser *parser, KlAtEvent event)
{
    g_assert_cmpuint(strlen(parser->line), ==, parser->length);
    g_assert_cmpuint(parser->length, <=, KL_AT_LINE_MAX);
    g_assert_true(fuzz_is_printable(parser->line));
    g_string_append_printf(heard->events, "%d:%s|", (int)event, parser->line);
    if (event == KL_AT_FINAL) {
        KlAtFinal final = {0};
        g_assert_true(kl_at_final_parse(parser->line, &final));
        g_assert_true(final.type == parser->final.type && final.number == parser->final.number);
    }
    if (event == KL_AT_ANSWER)
        g_ptr_array_add(heard->answers, g_strdup(parser->line));
    if (event == KL_AT_OTHER)
        g_ptr_array_add(heard->others, g_strdup(parser->line));
}

/* Listens in pieces of 1..max bytes; max 0: all at once. */
static Heard
listen_to(const Conversation *conversation, GRand *random, gint32 max)
{
    Heard heard = heard_new();
    KlAtParser parser;
    kl_at_parser_reset(&parser);
    kl_at_parser_begin(&parser, conversation->command, conversation->prefix[0] != '\0' ? conversation->prefix : NULL);
    for (gsize at = 0; at < conversation->length;) {
        gsize left = conversation->length - at;
        gsize length = max > 0 ? (gsize)g_rand_int_range(random, 1, max + 1) : left;
        length = MIN(length, left);
        g_autofree guint8 *piece = g_memdup2(conversation->bytes + at, length);
        const guint8 *bytes = piece;
        at += length;
        KlAtEvent event;
        while ((event = kl_at_parser_next(&parser, &bytes, &length)) != KL_AT_NONE)
            hear(&heard, &parser, event);
        g_assert_cmpuint(length, ==, 0);
    }
    return heard;
}

/* The fields, put together again, are the line. */
static void
check_fields(const char *line, const char *prefix)
{
    KlAtField fields[FIELDS_MAX];
    int n = kl_at_fields(line, prefix, fields, FIELDS_MAX);
    g_autoptr(GString) again = g_string_new(NULL);
    for (int i = 0; i < n; i++) {
        const char *quote = fields[i].quoted ? "\"" : "";
        g_autofree char *text = kl_at_field_dup(&fields[i]);
        g_string_append_printf(again, "%s%s%s%s", i > 0 ? "," : "", quote, text, quote);
        guint number = 0;
        if (kl_at_field_number(&fields[i], 99999, &number))
            g_assert_cmpuint(number, ==, g_ascii_strtoull(text, NULL, 10));
        g_autoptr(GBytes) bytes = kl_at_field_base64(&fields[i], KL_WP77_CSR_MAX);
        if (bytes != NULL) {
            g_autofree char *encoded = g_base64_encode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
            g_assert_cmpstr(encoded, ==, text);
        }
    }
    if (n >= 0) {
        const char *rest = line + strlen(prefix);
        g_assert_cmpstr(again->str, ==, rest + strspn(rest, " \t"));
    }
}

static void
assert_key(const KlKeyInfo *info)
{
    g_assert_true(info->exists == (info->spki_sha256 != NULL) && info->exists == (info->backend != NULL));
    if (info->exists) {
        g_assert_cmpuint(strlen(info->spki_sha256), ==, 64);
        g_assert_cmpstr(info->backend, !=, "");
        fuzz_accepted++;
    }
}

static void
check_keys(const GPtrArray *lines)
{
    g_autoptr(GError) error = NULL;
    g_auto(KlKeyInfo) made = {0};
    gboolean ok = kl_wp77_key_made_parse(lines, &made, &error);
    fuzz_assert_result(ok, error);
    g_assert_true(!ok || made.exists);
    if (ok)
        assert_key(&made);
    g_clear_error(&error);

    g_auto(KlKeyInfo) listed = {0};
    ok = kl_wp77_key_list_parse(lines, "device", &listed, &error);
    fuzz_assert_result(ok, error);
    if (ok)
        assert_key(&listed);
}

static void
check_csr(const GPtrArray *lines)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) csr = kl_wp77_csr_parse(lines, &error);
    fuzz_assert_result(csr != NULL, error);
    if (csr == NULL)
        return;
    g_assert_cmpuint(g_bytes_get_size(csr), >=, 1);
    g_assert_cmpuint(g_bytes_get_size(csr), <=, KL_WP77_CSR_MAX);
    g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, csr);
    g_assert_nonnull(strstr(g_ptr_array_index(lines, lines->len - 1), sha256));
    fuzz_accepted++;
}

static void
check_items(const GPtrArray *lines)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) items = kl_wp77_items_parse(lines, &error);
    fuzz_assert_result(items != NULL, error);
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; items != NULL && i < items->len; i++) {
        const KlItemInfo *item = g_ptr_array_index(items, i);
        g_assert_cmpuint(strlen(item->sha256), ==, 64);
        g_assert_cmpuint(item->length, <=, 99999);
        g_assert_true(g_hash_table_add(names, item->name));
        fuzz_accepted++;
    }
    g_assert_true(items == NULL || items->len == lines->len);
}

static void
check_proof(const GPtrArray *lines)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) proof = kl_wp77_proof_parse(lines, &error);
    fuzz_assert_result(proof != NULL, error);
    if (proof == NULL)
        return;
    g_assert_cmpuint(g_bytes_get_size(proof), <=, 72);
    fuzz_accepted++;
}

static void
check_unit(const KlWp77Info *info, const KlWp77Modem *modem)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlUnit) unit = kl_wp77_unit_new(info, modem, &error);
    fuzz_assert_result(unit != NULL, error);
    if (unit == NULL)
        return;
    g_assert_true(kl_imei_valid(unit->imei) && kl_fsn_valid(unit->fsn));
    g_assert_true(unit->model[0] != '\0' && unit->firmware[0] != '\0' && unit->boot_id[0] != '\0');
    g_assert_null(unit->device_id);
    fuzz_accepted++;
}

static void
check_identity(const Heard *heard)
{
    g_autoptr(GError) error = NULL;
    g_auto(KlWp77Info) info = {0};
    g_auto(KlWp77Modem) modem = {0};
    gboolean told = kl_wp77_info_parse(heard->answers, &info, &error);
    fuzz_assert_result(told, error);
    kl_wp77_modem_parse(heard->others, &modem);
    g_autofree char *imei = kl_wp77_cgsn_parse(heard->others);
    if (imei != NULL && modem.imei == NULL)
        modem.imei = g_steal_pointer(&imei);
    if (modem.imei != NULL && kl_imei_valid(modem.imei))
        fuzz_accepted++;
    if (told) {
        check_unit(&info, NULL);
        check_unit(&info, &modem);
    }
}

static guint32
seed_of(const guint8 *data, gsize size)
{
    guint32 seed = (guint32)size;
    for (gsize i = 0; i < size; i++)
        seed = seed * 31 + data[i];
    return seed;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    static const gint32 pieces[] = {1, 3, 40};
    g_auto(Conversation) conversation = conversation_new(data, size);
    g_autoptr(GRand) random = g_rand_new_with_seed(seed_of(data, size));
    g_auto(Heard) heard = listen_to(&conversation, random, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
        g_auto(Heard) again = listen_to(&conversation, random, pieces[i]);
        g_assert_cmpstr(again.events->str, ==, heard.events->str);
    }
    for (guint i = 0; i < heard.answers->len; i++)
        check_fields(g_ptr_array_index(heard.answers, i), conversation.prefix);
    check_keys(heard.answers);
    check_csr(heard.answers);
    check_items(heard.answers);
    check_proof(heard.answers);
    check_identity(&heard);
    return 0;
}
