/* First boots rehearsed with a real broker, by units of the simulated line: they pass and are as they were, and each
 * fault is caught in its own words. */
#include <glib/gstdio.h>

#include "drivers/at_wp77/sim/sim_fault.h"
#include "station/station_rehearsal.h"
#include "tests/rehearsal_rig.h"

/* --- the rehearsal --- */

/* Once as a new unit, and once as one that only has to be verified: nothing that it stores is another thing then. */
static void
test_pass(void)
{
    g_autoptr(KlLineRig) rig = new_rig(1, NULL);
    g_autofree char *before = NULL;
    for (guint job = 0; job < 2; job++) {
        g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
        assert_ended(rig, record, "PASS");
        kl_line_rig_assert_deserved(rig, 1, record);
        g_assert_cmpint(record->already_provisioned, ==, job == 1);
        const KlStepResult *step = rehearsal_of(record);
        g_assert_nonnull(strstr(step->detail, ": 5 messages, each as it has to be; fresh again"));
        g_test_message("%s, %d ms in all", step->detail, (int)(step->duration_us / 1000));
        g_autofree char *kept = evidence(rig, record);
        g_assert_cmpuint(count_of(kept, "# first boot: by the unit"), ==, 3);
        g_assert_cmpuint(count_of(kept, "# first boot: to the unit"), ==, 2);
        assert_row_untouched(rig);
        g_autofree char *after = stored(rig, 1);
        if (before != NULL)
            g_assert_cmpstr(before, ==, after);
        g_free(before);
        before = g_steal_pointer(&after);
    }
}

/* One broker for all; each unit's evidence is its own. */
static void
test_side_by_side(void)
{
    g_autoptr(KlLineRig) rig = new_rig(6, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_station_ready(rig->station, &error));
    g_assert_no_error(error);
    int pid = kl_mqtt_rehearsal_pid(kl_station_bench(rig->station)->rehearsal);
    g_assert_cmpint(pid, >, 0);
    g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        assert_ended(rig, record, "PASS");
        g_test_message("slot %s: %s", record->slot, rehearsal_of(record)->detail);
        g_autofree char *kept = evidence(rig, record);
        g_auto(GStrv) messages = g_strsplit(kept, "# first boot: ", -1);
        g_assert_cmpuint(g_strv_length(messages), ==, 6);
        for (guint m = 1; m < 6; m++)
            g_assert_nonnull(strstr(messages[m], record->unit->device_id));
    }
    g_assert_cmpint(kl_mqtt_rehearsal_pid(kl_station_bench(rig->station)->rehearsal), ==, pid);
    assert_row_untouched(rig);
}

/* --- units with a fault --- */

static const struct {
    KlSimFaultId fault;
    const char *codes;
} expectations[] = {
    {KL_SIM_FAULT_ECHO, "PASS"},
    {KL_SIM_FAULT_LATE, "PASS"},
    {KL_SIM_FAULT_CME, "BOOT_REFUSED"},
    {KL_SIM_FAULT_DISCONNECT, "PORT_GONE"},
    {KL_SIM_FAULT_POWER_CUT, "UNIT_RESTARTED"},
    {KL_SIM_FAULT_BOOT_OTHER_ENDPOINT, "REHEARSAL_ENDPOINT"},
    {KL_SIM_FAULT_BOOT_OTHER_TRUST, "REHEARSAL_TRUST"},
    {KL_SIM_FAULT_BOOT_OLD_CLOCK, "REHEARSAL_CLOCK"},
    {KL_SIM_FAULT_BOOT_DEAF, "REHEARSAL_SILENT"},
    {KL_SIM_FAULT_BOOT_STORE_FULL, "PASS"}, /* nothing of a rehearsal is stored */
    {KL_SIM_FAULT_BOOT_UNKNOWN, "AGENT_VERSION"},
};

/* Silence and noise are not for here: they only last as long as the driver waits. */
static gboolean
is_for_here(KlSimFaultId fault)
{
    return (kl_sim_fault_kind(fault)->steps & (1u << KL_SIM_STEP_REHEARSE)) && fault != KL_SIM_FAULT_NO_ANSWER &&
           fault != KL_SIM_FAULT_GARBAGE;
}

static void
test_faults(void)
{
    g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
    for (guint fault = 0, slot = 1; fault < KL_SIM_FAULTS; fault++) {
        if (!is_for_here((KlSimFaultId)fault))
            continue;
        g_assert_cmpuint(slot, <=, G_N_ELEMENTS(expectations)); /* each has a row */
        g_assert_cmpint(expectations[slot - 1].fault, ==, fault);
        g_ptr_array_add(faults, g_strdup_printf("%u:%s@rehearse", slot++, kl_sim_fault_kind(fault)->name));
    }
    g_assert_cmpuint(faults->len, ==, G_N_ELEMENTS(expectations));
    g_ptr_array_add(faults, NULL);
    g_autoptr(KlLineRig) rig = new_rig(G_N_ELEMENTS(expectations), (const char *const *)faults->pdata);
    g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
    guint wrong = 0;
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        gboolean right = has_ended(record, expectations[i].codes);
        wrong += !right;
        g_printerr("# %s%s: %s, expected %s: %s\n", right ? "" : "WRONG ", (char *)faults->pdata[i],
                   record->code != NULL ? record->code : "PASS", expectations[i].codes, record->detail);
    }
    g_assert_cmpuint(wrong, ==, 0);
    assert_row_untouched(rig);
}

/* --- what the station itself has wrong --- */

/* A broker that knows another CA than the one that has signed the unit's certificate; or has another name. */
static KlRehearsal *
other_rehearsal(const char *anchors)
{
    const KlMqttRehearsalOptions options = {
        .listen = "127.0.0.1", .anchors = anchors, .topic = "$aws/things/DEVICE_ID/shadow/update", .telemetry = TRUE};
    return kl_mqtt_rehearsal_new(&options);
}

static KlRehearsal *named_otherwise;

static KlRehearsalRun *
begin_elsewhere(KlRehearsal *rehearsal, const char *endpoint, const KlRegistration *row, GError **error)
{
    return named_otherwise->klass->begin(named_otherwise, "elsewhere.example.com", row, error);
}

static KlRehearsalTurn
next_elsewhere(KlRehearsal *rehearsal, KlRehearsalRun *run, guint timeout_ms, GCancellable *cancel, char **note,
               GError **error)
{
    return named_otherwise->klass->next(named_otherwise, run, timeout_ms, cancel, note, error);
}

static void
end_elsewhere(KlRehearsal *rehearsal, KlRehearsalRun *run)
{
    named_otherwise->klass->end(named_otherwise, run);
}

static void
test_wrong_station(void)
{
    static const KlRehearsalClass elsewhere_class = {
        .begin = begin_elsewhere, .next = next_elsewhere, .end = end_elsewhere};
    static KlRehearsal elsewhere = {&elsewhere_class};
    g_autoptr(KlLineRig) rig = new_rig(1, NULL);
    g_autofree char *other_ca = kl_line_rig_shell(
        rig, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj '/CN=Other' "
             "-config /dev/null -addext basicConstraints=critical,CA:TRUE 2>/dev/null");
    g_autofree char *own_ca = kl_line_rig_shell(rig, "cat \"$S/ca/ca.pem\"");

    g_autoptr(KlRehearsal) strict = other_rehearsal(other_ca);
    g_autoptr(KlRecord) refused = run(rig->station, 1, &(Wish){.rehearsal = strict});
    assert_ended(rig, refused, "REHEARSAL_CERTIFICATE");
    named_otherwise = other_rehearsal(own_ca);
    g_autoptr(KlRecord) misnamed = run(rig->station, 1, &(Wish){.rehearsal = &elsewhere});
    assert_ended(rig, misnamed, "REHEARSAL_ENDPOINT");
    kl_rehearsal_free(named_otherwise);

    g_autoptr(KlLineRig) another = new_rig(1, NULL);
    g_autoptr(KlRecord) bare = run(another->station, 1, &(Wish){.parameters = "{}"});
    assert_ended(another, bare, "REHEARSAL_PARAMETERS");
    assert_fresh_again(rig, 1);
    assert_row_untouched(rig);
}

static gint64 fake_us;

static gint64
fake_clock(void)
{
    return fake_us;
}

/* By its certificate, clocks are judged: a station that runs for weeks has a new one in time, if it can without
 * disturbing anybody. */
static void
test_renewed(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlLineRig) rig = new_rig(1, NULL);
    g_autofree char *ca = kl_line_rig_shell(rig, "cat \"$S/ca/ca.pem\"");
    g_autofree char *note = NULL;
    const KlMqttRehearsalOptions options = {.listen = "127.0.0.1", .anchors = ca, .clock_us = fake_clock};
    g_autoptr(KlRehearsal) rehearsal = kl_mqtt_rehearsal_new(&options);
    g_autoptr(KlRegistration) row = kl_registration_new(kl_station_profile(rig->station), "FX30-1");
    const struct {
        gint64 after_us;
        gboolean renewed, busy;
    } rows[] = {
        {23 * G_TIME_SPAN_HOUR, FALSE, FALSE}, {2 * G_TIME_SPAN_HOUR, TRUE, FALSE}, {5 * G_TIME_SPAN_DAY, FALSE, TRUE},
        {145 * G_TIME_SPAN_HOUR, TRUE, TRUE},  {-G_TIME_SPAN_HOUR, TRUE, FALSE},
    };
    fake_us = g_get_real_time();
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_true(rehearsal->klass->prepare(rehearsal, "mqtt.example.com", &error));
        int pid = kl_mqtt_rehearsal_pid(rehearsal);
        KlRehearsalRun *run = rows[i].busy ? rehearsal->klass->begin(rehearsal, "mqtt.example.com", row, &error) : NULL;
        g_assert_no_error(error);
        fake_us += rows[i].after_us;
        g_assert_true(rehearsal->klass->prepare(rehearsal, "mqtt.example.com", &error));
        g_assert_cmpint(kl_mqtt_rehearsal_pid(rehearsal) != pid, ==, rows[i].renewed);
        if (run != NULL) {
            KlRehearsalTurn turn = rehearsal->klass->next(rehearsal, run, 1, NULL, &note, &error);
            g_assert_cmpint(turn, ==, rows[i].renewed ? KL_REHEARSAL_WRONG : KL_REHEARSAL_QUIET);
            rehearsal->klass->end(rehearsal, run);
            g_clear_error(&error);
            if (!rows[i].renewed) /* now that nobody is in it any more */
                g_assert_true(rehearsal->klass->prepare(rehearsal, "mqtt.example.com", &error));
            g_assert_cmpint(kl_mqtt_rehearsal_pid(rehearsal), !=, pid);
        }
    }
}

/* --- software and trust --- */

/* A folder with signed software, its key's SPKI as Base64 in DIR/spki, and the certificate of a CA in DIR/trust.pem. */
static char *
make_folder(void)
{
    static const char command[] =
        "cd \"$1\" && mkdir -p soft/bucket && printf 'print(1)' >soft/bucket/main.py && "
        "openssl ecparam -name prime256v1 -genkey -noout -out key && "
        "openssl pkey -in key -pubout -outform DER | base64 -w0 >spki && "
        "hash=$(sha256sum <soft/bucket/main.py | cut -d' ' -f1) && "
        "sig=$(printf 'keyline-software\\nversion=7\\nsize=8\\nsha256=%s\\n' $hash | openssl dgst -sha256 -sign key | "
        "base64 -w0) && "
        "printf '[main]\\nbucket=bucket\\nfile=main.py\\nversion=7\\nsignature=%s\\n' $sig >soft/Devicemanager_update "
        "&& "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj '/CN=Broker CA' "
        "-config /dev/null -addext basicConstraints=critical,CA:TRUE -out trust.pem 2>/dev/null";
    char *dir = g_dir_make_tmp("keyline-software-XXXXXX", NULL);
    const char *argv[] = {"/bin/bash", "-ec", command, "-", dir, NULL};
    int status = 1;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, NULL);
    g_assert_cmpint(status, ==, 0);
    return dir;
}

static void
remove_folder(const char *dir)
{
    const char *argv[] = {"rm", "-rf", dir, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
}

static KlLineRig *
software_rig(const char *dir, gboolean with_folder)
{
    g_autofree char *path = g_build_filename(dir, "spki", NULL), *spki = NULL;
    g_assert_true(g_file_get_contents(path, &spki, NULL, NULL));
    g_autofree char *parameters = g_strdup_printf("registration.parameters={\"topic\":\"units/DEVICE_ID/up\","
                                                  "\"software_key\":\"%s\"}",
                                                  spki);
    g_autofree char *software = g_strdup_printf("rehearsal.software=%s/soft", dir);
    const char *const product[] = {PRODUCT, parameters, NULL};
    const char *const station[] = {with_folder ? software : NULL, NULL};
    const KlSimOptions options = {.units = 1, .one_port = TRUE, .answer_ms = ANSWER_MS};
    return kl_line_rig_new_configured(&options, product, station);
}

/* It is asked for, taken, and of no consequence. */
static void
test_software(void)
{
    g_autofree char *dir = make_folder();
    g_autofree char *index = g_build_filename(dir, "soft", "Devicemanager_update", NULL);
    g_autoptr(KlLineRig) rig = software_rig(dir, TRUE);
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
    assert_ended(rig, record, "PASS");
    g_assert_nonnull(strstr(rehearsal_of(record)->detail, ": 9 messages"));
    g_autofree char *kept = evidence(rig, record);
    g_assert_nonnull(strstr(kept, "/update/ok"));
    assert_row_untouched(rig);
    /* signed by somebody, but not over this */
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(index, &text, NULL, NULL));
    strstr(text, "version=7")[strlen("version=")] = '8';
    g_assert_true(g_file_set_contents(index, text, -1, NULL));
    g_autoptr(KlRecord) forged = kl_line_rig_provision(rig, 1, NULL);
    assert_ended(rig, forged, "REHEARSAL_SOFTWARE");
    g_assert_cmpint(g_unlink(index), ==, 0);
    g_autoptr(KlRecord) none = kl_line_rig_provision(rig, 1, NULL);
    assert_ended(rig, none, "CONFIG_INVALID");
    remove_folder(dir);
}

/* Whom the unit trusts is given to it, read back, and asked for; in place of its chain. */
static void
test_trust(void)
{
    g_autofree char *dir = make_folder();
    g_autofree char *trust = g_strdup_printf("install.trust=%s/trust.pem", dir);
    const char *const product[] = {PRODUCT, trust, NULL};
    const KlSimOptions options = {.units = 1, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
    assert_ended(rig, record, "PASS");
    g_autofree char *compare = g_strdup_printf("cmp '%s/trust.pem' '%s/item-trust'", dir, kl_sim_unit_dir(rig->sim, 1));
    g_free(kl_line_rig_shell(rig, compare));
    g_autofree char *damage = g_strdup_printf("printf x >>'%s/item-trust'", kl_sim_unit_dir(rig->sim, 1));
    g_free(kl_line_rig_shell(rig, damage));
    g_autoptr(KlRecord) damaged = kl_line_rig_provision(rig, 1, NULL);
    assert_ended(rig, damaged, "PROVISIONED_BROKEN");
    remove_folder(dir);
}

/* --- what can't be had --- */

static void
assert_not_ready(const KlLineRig *rig, KlErrorCode code)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_station_ready(rig->station, &error));
    g_assert_error(error, KL_ERROR, (int)code);
    g_autoptr(GPtrArray) findings = kl_station_doctor_running(rig->station);
    gboolean told = FALSE;
    for (guint i = 0; i < findings->len; i++) {
        const KlFinding *finding = findings->pdata[i];
        told |= g_str_equal(finding->title, "Rehearsal") && !finding->ok && finding->remedy != NULL;
    }
    g_assert_true(told);
}

/* Told before the line starts, and a job is the station's fault. */
static void
test_not_possible(void)
{
    static const char *const product[] = {PRODUCT, NULL};
    static const char *const station[] = {"rehearsal.mosquitto=/nonexistent/mosquitto", NULL};
    const KlSimOptions options = {.units = 1, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new_configured(&options, product, station);
    assert_not_ready(rig, KL_ERROR_BROKER_MISSING);
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
    assert_ended(rig, record, "BROKER_MISSING");
    g_assert_cmpint(record->outcome, ==, KL_OUTCOME_ERROR);

    g_autofree char *dir = make_folder();
    g_autoptr(KlLineRig) without = software_rig(dir, FALSE);
    assert_not_ready(without, KL_ERROR_CONFIG_INVALID);
    g_autoptr(KlRecord) in_vain = kl_line_rig_provision(without, 1, NULL);
    assert_ended(without, in_vain, "CONFIG_INVALID");
    remove_folder(dir);

    g_autoptr(GError) error = NULL;
    KlConfig iot = *kl_station_config(rig->station);
    iot.signer = KL_SIGNER_IOT;
    g_assert_false(kl_station_rehearsal_check(&iot, kl_station_profile(rig->station), &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
}

/* --- --- */

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rehearsal/pass", test_pass);
    g_test_add_func("/rehearsal/side-by-side", test_side_by_side);
    g_test_add_func("/rehearsal/faults", test_faults);
    g_test_add_func("/rehearsal/wrong-station", test_wrong_station);
    g_test_add_func("/rehearsal/renewed", test_renewed);
    g_test_add_func("/rehearsal/software", test_software);
    g_test_add_func("/rehearsal/trust", test_trust);
    g_test_add_func("/rehearsal/not-possible", test_not_possible);
    return g_test_run();
}
