/* What the simulated line is made from: identities, the table of faults, the steps that commands belong to. */
#include <string.h>

#include "drivers/at_wp77/sim/sim_command.h"
#include "drivers/at_wp77/sim/sim_fault.h"
#include "drivers/at_wp77/sim/sim_identity.h"

/* Luhn, the other way round: all digits from the left, the check digit included. */
static gboolean
luhn_ok(const char *digits)
{
    static const int doubled[] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
    int sum = 0;
    gsize len = strlen(digits);
    for (gsize i = 0; i < len; i++)
        sum += (len - i) % 2 == 0 ? doubled[digits[i] - '0'] : digits[i] - '0';
    return sum % 10 == 0;
}

static void
test_identity(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    KlSimIdentity one;
    KlSimIdentity again;
    for (guint i = 0; i < 20000; i++) {
        kl_sim_identity(42, i, &one);
        g_assert_true(g_regex_match_simple("^35265309[0-9]{7}$", one.imei, 0, 0) && luhn_ok(one.imei));
        g_assert_true(g_regex_match_simple("^[A-Z0-9]{14}$", one.fsn, 0, 0));
        g_assert_true(g_regex_match_simple("^[0-9]{19}$", one.iccid, 0, 0) && luhn_ok(one.iccid));
        g_assert_cmpuint(strlen(one.eid), ==, 32);
        g_assert_true(g_hash_table_add(seen, g_strdup(one.imei)) && g_hash_table_add(seen, g_strdup(one.fsn)));
    }
    kl_sim_identity(42, 19999, &again);
    g_assert_cmpmem(&one, sizeof one, &again, sizeof again);
    kl_sim_identity(43, 19999, &again);
    g_assert_cmpstr(one.imei, !=, again.imei);
    g_assert_cmpstr(one.fsn, !=, again.fsn);
}

static void
test_fault_table(void)
{
    g_autofree char *table = kl_sim_faults_table();
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < KL_SIM_FAULTS; i++) {
        const KlSimFaultKind *kind = kl_sim_fault_kind((KlSimFaultId)i);
        g_autoptr(GError) error = NULL;
        KlSimFault fault;
        g_assert_nonnull(kind->name);
        g_assert_true(g_hash_table_add(names, (gpointer)kind->name));
        g_assert_cmpuint(strlen(kind->text), >, 10);
        g_assert_cmpuint(kind->default_steps & ~kind->steps, ==, 0);
        g_assert_cmpuint(kind->default_steps, !=, 0);
        g_autofree char *row = g_strdup_printf("\n%s ", kind->name);
        g_assert_nonnull(strstr(table, row));
        g_assert_true(kl_sim_fault_parse(kind->name, &fault, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(fault.id, ==, i);
        for (guint step = 0; step < KL_SIM_STEPS; step++) {
            g_autofree char *text = g_strdup_printf("%s@%s", kind->name, kl_sim_step_name((KlSimStep)step));
            gboolean sensible = (kind->steps & (1u << step)) != 0;
            g_assert_cmpint(kl_sim_fault_parse(text, &fault, NULL), ==, sensible);
            g_assert_true(!sensible || fault.steps == 1u << step);
        }
    }
}

static void
test_fault_syntax(void)
{
    static const struct {
        const char *text;
        const char *slots; /* which of the five get it; NULL: refused */
    } rows[] = {
        {"3:late", "00100"},
        {"2-4:late", "01110"},
        {"1,4:late", "10010"},
        {"all:late", "11111"},
        {"1-2,5:late", "11001"},
        {"1:late@verify*3", "10000"},
        {"1:late@any", "10000"},
        {"1:locked", "10000"},
        {"0:late", NULL},
        {"6:late", NULL},
        {"4-2:late", NULL},
        {"late", NULL},
        {":late", NULL},
        {"1:", NULL},
        {"1:Late", NULL},
        {"1:late@", NULL},
        {"1:late@nowhere", NULL},
        {"1:late*0", NULL},
        {"1:late*", NULL},
        {"1:late*-1", NULL},
        {"1:late*x", NULL},
        {"1:locked*1", NULL},
        {"1:torn@verify", NULL},
        {"1:late@issue", NULL},
        {"1,:late", NULL},
        {"1-:late", NULL},
        {"", NULL},
        {"99999999999:late", NULL},
        {"1:late*99999999999", NULL},
        {"1:late*1@verify", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GPtrArray) slots = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
        g_autoptr(GError) error = NULL;
        for (guint slot = 0; slot < 5; slot++)
            g_ptr_array_add(slots, g_array_new(FALSE, FALSE, sizeof(KlSimFault)));
        gboolean ok = kl_sim_fault_parse_for_slots(rows[i].text, slots, &error);
        g_assert_cmpint(ok, ==, rows[i].slots != NULL);
        if (!ok)
            g_assert_cmpint((int)error->domain, ==, (int)G_OPTION_ERROR);
        for (guint slot = 0; ok && slot < 5; slot++)
            g_assert_cmpuint(((GArray *)slots->pdata[slot])->len, ==, (guint)(rows[i].slots[slot] - '0'));
    }
}

static void
test_fault_times(void)
{
    KlSimFault fault;
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof fault);
    g_assert_true(kl_sim_fault_parse("no-answer@verify*2", &fault, NULL));
    g_array_append_val(list, fault);
    g_autoptr(KlSimFaults) faults = kl_sim_faults_new(list, 1);
    g_assert_false(kl_sim_faults_strike(faults, KL_SIM_FAULT_NO_ANSWER, KL_SIM_STEP_KEY, "KLKEY"));
    g_assert_false(kl_sim_faults_strike(faults, KL_SIM_FAULT_LATE, KL_SIM_STEP_VERIFY, "KLITEM"));
    g_assert_true(kl_sim_faults_strike(faults, KL_SIM_FAULT_NO_ANSWER, KL_SIM_STEP_VERIFY, "KLITEM"));
    g_assert_true(kl_sim_faults_strike(faults, KL_SIM_FAULT_NO_ANSWER, KL_SIM_STEP_VERIFY, "KLPROVE"));
    g_assert_false(kl_sim_faults_strike(faults, KL_SIM_FAULT_NO_ANSWER, KL_SIM_STEP_VERIFY, "KLPROVE"));
    g_assert_cmpuint(kl_sim_faults_strikes(faults), ==, 2);
}

/* What a station sends, in order, and the step that each line belongs to. */
static void
test_command_steps(void)
{
    static const struct {
        const char *line;
        KlSimStep step;
    } rows[] = {
        {"AT", KL_SIM_STEP_CONNECT},
        {"ATE0", KL_SIM_STEP_CONNECT},
        {"AT+CMEE=1", KL_SIM_STEP_CONNECT},
        {"at+klinfo?", KL_SIM_STEP_IDENTIFY},
        {"ATI", KL_SIM_STEP_IDENTIFY},
        {"AT+CGSN", KL_SIM_STEP_IDENTIFY},
        {"AT!PACKAGE?", KL_SIM_STEP_IDENTIFY},
        {"AT+KLKEY?", KL_SIM_STEP_PRECHECK},
        {"AT+KLITEM?", KL_SIM_STEP_PRECHECK},
        {"AT+KLITEM?", KL_SIM_STEP_VERIFY}, /* a unit that was provisioned before is only verified */
        {"ATE0", KL_SIM_STEP_CONNECT},
        {"AT+KLITEM?", KL_SIM_STEP_PRECHECK},
        {"AT+KLKEY=\"keyline\",\"ec-p256\"", KL_SIM_STEP_KEY},
        {"AT+KLDEL=\"keyline\"", KL_SIM_STEP_KEY},
        {"AT+KLCSR=\"keyline\",\"x\"", KL_SIM_STEP_CSR},
        {"ATE0", KL_SIM_STEP_CONNECT},
        {"AT+KLPUT=\"chain\",\"0\",\"AAAA\"", KL_SIM_STEP_INSTALL},
        {"AT+KLCOMMIT=\"chain\",\"3\",\"00\"", KL_SIM_STEP_INSTALL},
        {"AT+KLITEM?", KL_SIM_STEP_VERIFY},
        {"AT+KLPROVE=\"keyline\",\"00\"", KL_SIM_STEP_VERIFY},
        {"AT+KLLOCK=\"keyline\"", KL_SIM_STEP_LOCK},
    };
    gboolean checked = FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        KlSimCommand command;
        kl_sim_command_read(&command, rows[i].line, strlen(rows[i].line), &checked);
        g_assert_cmpstr(kl_sim_step_name(command.step), ==, kl_sim_step_name(rows[i].step));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/identity", test_identity);
    g_test_add_func("/sim/fault/table", test_fault_table);
    g_test_add_func("/sim/fault/syntax", test_fault_syntax);
    g_test_add_func("/sim/fault/times", test_fault_times);
    g_test_add_func("/sim/command-steps", test_command_steps);
    return g_test_run();
}
