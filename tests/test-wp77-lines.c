/* What the driver makes of the lines of an answer. */
#include <string.h>

#include "drivers/at_wp77/wp77_answers.h"
#include "drivers/at_wp77/wp77_identity.h"
#include "station/error.h"

static GPtrArray *
lines_of(const char *joined)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(joined, "|", -1);
    for (guint i = 0; parts[i] != NULL; i++)
        g_ptr_array_add(lines, g_strdup(parts[i]));
    return lines;
}

#define SHA_ABCDEF "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721"
#define SHA_KEY "d4ab4a49648cf66cc4917ccaa3aa54f51ff11efecf7860127d8ee56960b2e856"

static void
test_csr_lines(void)
{
    static const struct {
        const char *lines;
        gboolean ok;
    } csrs[] = {
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: 3,6,\"ZGVm\"|+KLCSR: \"" SHA_ABCDEF "\"", TRUE},
        {"+KLCSR: 0,6,\"YWJjZGVm\"|+KLCSR: \"" SHA_ABCDEF "\"", TRUE},
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: 2,6,\"ZGVm\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,7,\"YWJj\"|+KLCSR: 3,6,\"ZGVm\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 3,6,\"ZGVm\"|+KLCSR: 0,6,\"YWJj\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: 0,6,\"YWJj\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: 4,6,\"ZGVm\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: 3,7,\"ZGVm\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,6,\"YWJjZGVmZ2hp\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: 3,6,\"ZGVn\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: 3,6,\"ZG*m\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: 3,6,ZGVm|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: 3,6,\"ZGVm\"", FALSE},
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: 3,6,\"ZGVm\"|+KLCSR: \"" SHA_ABCDEF "\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: 3,6,\"ZGVm\"|+KLCSR: \"" SHA_KEY "\"", FALSE},
        {"+KLCSR: 0,6,\"YWJj\"|+KLCSR: 3,6,\"\"|+KLCSR: 3,6,\"ZGVm\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,0,\"\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,5000,\"YWJj\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: 0,99999999999999999999,\"YWJj\"|+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"+KLCSR: \"" SHA_ABCDEF "\"", FALSE},
        {"", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(csrs); i++) {
        g_autoptr(GPtrArray) lines = lines_of(csrs[i].lines);
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) der = kl_wp77_csr_parse(lines, &error);
        g_test_message("%s", csrs[i].lines);
        g_assert_cmpint(der != NULL, ==, csrs[i].ok);
        if (der != NULL)
            g_assert_cmpmem(g_bytes_get_data(der, NULL), g_bytes_get_size(der), "abcdef", 6);
        else
            g_assert_error(error, KL_ERROR, KL_ERROR_ANSWER_GARBLED);
    }
}

static void
test_key_lines(void)
{
    static const struct {
        const char *lines;
        int found; /* -1: garbled, 0: no such key, 1: open, 2: locked */
    } keys[] = {
        {"+KLKEY: \"device\",\"" SHA_KEY "\",\"iks\",\"open\"", 1},
        {"+KLKEY: \"a\",\"" SHA_KEY "\",\"iks\",\"open\"|+KLKEY: \"device\",\"" SHA_KEY "\",\"iks\",\"locked\"", 2},
        {"+KLKEY: \"devices\",\"" SHA_KEY "\",\"iks\",\"open\"", 0},
        {"+KLKEY: \"device\",\"" SHA_KEY "\",\"iks\",\"ajar\"", -1},
        {"+KLKEY: \"device\",\"" SHA_KEY "\",\"iks\"", -1},
        {"+KLKEY: \"device\",\"d4ab\",\"iks\",\"open\"", -1},
        {"+KLKEY: \"device\",\"" SHA_KEY "\",\"\",\"open\"", -1},
        {"+KLKEY: \"device\",\"" SHA_KEY "\",\"iks\",\"open\"|+KLKEY: \"device\",\"" SHA_KEY "\",\"iks\",\"open\"", -1},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autoptr(GPtrArray) lines = lines_of(keys[i].lines);
        g_auto(KlKeyInfo) info = {0};
        gboolean ok = kl_wp77_key_list_parse(lines, "device", &info, NULL);
        g_test_message("%s", keys[i].lines);
        g_assert_cmpint(ok ? info.exists + info.locked : -1, ==, keys[i].found);
    }
}

static void
test_item_and_proof_lines(void)
{
    static const char *const bad_items[] = {
        "+KLITEM: \"certificate\",\"28\"",
        "+KLITEM: \"certificate\",\"-1\",\"" SHA_KEY "\"",
        "+KLITEM: \"certificate\",\"28\",\"" SHA_KEY "0\"",
        "+KLITEM: \"\",\"28\",\"" SHA_KEY "\"",
        "+KLITEM: \"a\",\"1\",\"" SHA_KEY "\"|+KLITEM: \"a\",\"2\",\"" SHA_KEY "\"",
    };
    static const char *const bad_proofs[] = {"+KLPROVE: \"\"", "+KLPROVE: AQID", "+KLPROVE: \"AQI\"",
                                             "+KLPROVE: \"AQID\"|+KLPROVE: \"AQID\"", "+KLPROVE: \"AQID\",\"AQID\""};
    for (gsize i = 0; i < G_N_ELEMENTS(bad_items); i++) {
        g_autoptr(GPtrArray) lines = lines_of(bad_items[i]);
        g_assert_null(kl_wp77_items_parse(lines, NULL));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad_proofs); i++) {
        g_autoptr(GPtrArray) lines = lines_of(bad_proofs[i]);
        g_assert_null(kl_wp77_proof_parse(lines, NULL));
    }
    g_autoptr(GPtrArray) proof = lines_of("+KLPROVE: \"AQID\"");
    g_autoptr(GBytes) bytes = kl_wp77_proof_parse(proof, NULL);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "\1\2\3", 3);
}

static void
test_ati_lines(void)
{
    g_autoptr(GPtrArray) lines =
        lines_of("Manufacturer: Sierra Wireless, Incorporated|Model: WP7702|Revision: SWI9X06Y_02.32.02.00 c2e98c "
                 "jenkins 2019/08/30 07:28:21|IMEI: 352653090215245|IMEI SV:  4|FSN: 4L936370140910|+GCAP: +CGSM,+DS");
    g_auto(KlWp77Modem) modem = {0};
    kl_wp77_modem_parse(lines, &modem);
    g_assert_cmpstr(modem.model, ==, "WP7702");
    g_assert_cmpstr(modem.firmware, ==, "SWI9X06Y_02.32.02.00");
    g_assert_cmpstr(modem.imei, ==, "352653090215245");
    g_assert_cmpstr(modem.fsn, ==, "4L936370140910");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wp77-lines/csr", test_csr_lines);
    g_test_add_func("/wp77-lines/keys", test_key_lines);
    g_test_add_func("/wp77-lines/items-and-proof", test_item_and_proof_lines);
    g_test_add_func("/wp77-lines/ati", test_ati_lines);
    return g_test_run();
}
