/* Identities: what counts as an IMEI, an FSN, a device id, and the same unit. */
#include "station/unit.h"

static void
test_imei(void)
{
    static const struct {
        const char *imei;
        gboolean valid;
    } cases[] = {
        {"352653090215245", TRUE}, /* a WP7702's */
        {"490154203237518", TRUE}, /* the example of 3GPP TS 23.003's annex B and of GSMA TS.06 */
        {"356938035643809", TRUE},
        {"000000000000000", TRUE},
        {"352653090215246", FALSE}, /* check digit */
        {"352653090215254", FALSE}, /* two digits swapped */
        {"35265309021524", FALSE},
        {"3526530902152450", FALSE},
        {"35265309021524a", FALSE},
        {" 352653090215245", FALSE},
        {"352653090215245 ", FALSE},
        {"35265309021524\xd9\xa5", FALSE}, /* an Arabic digit five */
        {"-52653090215245", FALSE},
        {"", FALSE},
        {NULL, FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].imei != NULL ? cases[i].imei : "(null)");
        g_assert_cmpint(kl_imei_valid(cases[i].imei), ==, cases[i].valid);
    }
}

/* Luhn's promise: any one wrong digit is found. */
static void
test_imei_one_wrong_digit(void)
{
    for (guint at = 0; at < 15; at++) {
        for (char digit = '0'; digit <= '9'; digit++) {
            char imei[] = "352653090215245";
            gboolean same = imei[at] == digit;
            imei[at] = digit;
            g_assert_cmpint(kl_imei_valid(imei), ==, same);
        }
    }
}

static void
test_fsn(void)
{
    g_assert_true(kl_fsn_valid("4L936370140910"));
    g_assert_true(kl_fsn_valid("A"));
    g_assert_false(kl_fsn_valid(NULL));
    g_assert_false(kl_fsn_valid(""));
    g_assert_false(kl_fsn_valid("4L9363701409100"));
    g_assert_false(kl_fsn_valid("4l936370140910"));
    g_assert_false(kl_fsn_valid("4L93637014091-"));
    g_assert_false(kl_fsn_valid("4L93637014091\n"));
}

static void
test_device_id(void)
{
    g_assert_true(kl_device_id_valid("FX30-000001"));
    g_assert_true(kl_device_id_valid("urn:imei:352653090215245"));
    g_assert_true(kl_device_id_valid("a_b.c-D:9"));
    g_assert_false(kl_device_id_valid(NULL));
    g_assert_false(kl_device_id_valid(""));
    const char *refused = " /+#$,=\"\\'<>;*%{}\t\n\x7f\xc3";
    for (const char *bad = refused; *bad != '\0'; bad++) {
        char id[] = {'a', *bad, 'b', '\0'};
        g_assert_false(kl_device_id_valid(id));
    }
    g_autofree char *longest = g_strnfill(64, 'x');
    g_assert_true(kl_device_id_valid(longest));
    g_autofree char *too_long = g_strnfill(65, 'x');
    g_assert_false(kl_device_id_valid(too_long));
}

static void
test_copy_and_same(void)
{
    char texts[][24] = {"352653090215245", "4L936370140910", "WP7702", "SWI9X06Y_02.32.02.00", "1", "iks", "b1", "dev"};
    char boot_id[] = "b2", other_fsn[] = "4L936370140911", other_imei[] = "490154203237518";
    KlUnit unit = {texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], texts[7]};
    g_autoptr(KlUnit) copy = kl_unit_copy(&unit);
    g_assert_cmpstr(copy->imei, ==, unit.imei);
    g_assert_cmpstr(copy->fsn, ==, unit.fsn);
    g_assert_cmpstr(copy->model, ==, unit.model);
    g_assert_cmpstr(copy->firmware, ==, unit.firmware);
    g_assert_cmpstr(copy->agent_version, ==, unit.agent_version);
    g_assert_cmpstr(copy->keystore, ==, unit.keystore);
    g_assert_cmpstr(copy->boot_id, ==, unit.boot_id);
    g_assert_cmpstr(copy->device_id, ==, unit.device_id);
    g_assert_true(copy->imei != unit.imei);

    KlUnit restarted = unit;
    restarted.boot_id = boot_id;
    restarted.device_id = NULL;
    g_assert_true(kl_unit_same(&unit, &restarted));
    KlUnit other = unit;
    other.fsn = other_fsn;
    g_assert_false(kl_unit_same(&unit, &other));
    other = unit;
    other.imei = other_imei;
    g_assert_false(kl_unit_same(&unit, &other));
    g_assert_null(kl_unit_copy(NULL));
    kl_unit_free(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/unit/imei", test_imei);
    g_test_add_func("/unit/imei-one-wrong-digit", test_imei_one_wrong_digit);
    g_test_add_func("/unit/fsn", test_fsn);
    g_test_add_func("/unit/device-id", test_device_id);
    g_test_add_func("/unit/copy-and-same", test_copy_and_same);
    return g_test_run();
}
