/* Closing a session whose station still has rows to send: the main thread does not wait for the cloud. */
#include <string.h>

#include "gui/session.h"
#include "tests/rig/line_rig.h"
#include "tests/rig/net_server.h"

static void
set_flag(gpointer flag)
{
    *(gboolean *)flag = TRUE;
}

static void
unlocked(GObject *source, GAsyncResult *result, gpointer flag)
{
    g_autoptr(GError) error = NULL;
    kl_session_unlock_finish(KL_SESSION(source), result, &error);
    g_assert_no_error(error);
    set_flag(flag);
}

/* A station with a unit that passed before there was a cloud: its rows are queued when it is opened next. */
static KlLineRig *
make_station(const NetServer *cloud)
{
    const KlSimOptions options = {.units = 1, .one_port = TRUE};
    KlLineRig *rig = kl_line_rig_new(&options, NULL);
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
    g_assert_cmpint(record->outcome, ==, KL_OUTCOME_PASS);
    kl_line_rig_close(rig);
    g_autofree char *command = g_strdup_printf(
        "printf '\\n[aws]\\nregion=eu-central-1\\nendpoint=%s\\n' >>\"$S/station.conf\"", net_server_origin(cloud));
    g_free(kl_line_rig_shell(rig, command));
    return rig;
}

static void
test_close(void)
{
    static const NetAct silent[] = {{.deed = NET_SILENT}};
    g_autoptr(NetServer) cloud = net_server_start();
    net_server_plan(cloud, silent, 1);
    g_autoptr(KlLineRig) rig = make_station(cloud);
    g_autoptr(GError) error = NULL;
    gboolean open = FALSE, closed = FALSE;
    KlSession *session = kl_session_new(rig->station_dir, &error);
    g_assert_no_error(error);
    kl_session_unlock(session, kl_secret_new(KL_RIG_PASSPHRASE, strlen(KL_RIG_PASSPHRASE)), unlocked, &open);
    while (!open || net_server_requests(cloud) == 0)
        g_main_context_iteration(NULL, FALSE);

    kl_session_close_then(session, set_flag, &closed);
    while (g_main_context_iteration(NULL, FALSE)) /* events on their way hold the session */
        continue;
    g_assert_false(closed);
    KlStation *busy = kl_station_open(rig->station_dir, KL_STATION_RUN, NULL, &error);
    g_assert_null(busy);
    g_assert_error(error, KL_ERROR, KL_ERROR_STATION_BUSY);
    g_clear_error(&error);

    while (!closed)
        g_main_context_iteration(NULL, TRUE);
    g_autoptr(KlStation) again = kl_station_open(rig->station_dir, KL_STATION_RUN, NULL, &error);
    g_assert_no_error(error);
    g_autofree char *rows = kl_line_rig_sql(rig, "SELECT DISTINCT state FROM outbox");
    g_assert_cmpstr(rows, ==, "queued");
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_setenv("AWS_ACCESS_KEY_ID", "nobody", TRUE);
    g_setenv("AWS_SECRET_ACCESS_KEY", "nothing", TRUE);
    g_setenv("AWS_CONFIG_FILE", "/dev/null/none", TRUE);
    g_setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null/none", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session-close/rows-left", test_close);
    return g_test_run();
}
