/* The agent's module side without a module: how it begins its first boot by itself, on an event loop made up here, and
 * how it hands software to the hook. */
#include "drivers/at_wp77/agent/legato/agentComponent/boot.h"
#include "drivers/at_wp77/agent/legato/agentComponent/hook.h"
#include "tests/module_storage.h"

struct le_timer {
    const char *name;
    le_timer_ExpiryHandler_t handler;
    guint32 interval_ms;
    gboolean running;
    guint starts;
};

static struct le_timer timers[4];
static guint n_timers;
static gint64 clock_now_ms = 1000;

le_timer_Ref_t
le_timer_Create(const char *nameStr)
{
    g_assert_cmpuint(n_timers, <, G_N_ELEMENTS(timers));
    timers[n_timers].name = nameStr;
    return &timers[n_timers++];
}

le_result_t
le_timer_SetHandler(le_timer_Ref_t timerRef, le_timer_ExpiryHandler_t handlerFunc)
{
    timerRef->handler = handlerFunc;
    return LE_OK;
}

le_result_t
le_timer_SetMsInterval(le_timer_Ref_t timerRef, guint32 interval)
{
    g_assert_false(timerRef->running);
    g_assert_cmpuint(interval, >, 0);
    timerRef->interval_ms = interval;
    return LE_OK;
}

le_result_t
le_timer_Start(le_timer_Ref_t timerRef)
{
    g_assert_false(timerRef->running);
    timerRef->running = TRUE;
    timerRef->starts++;
    return LE_OK;
}

le_result_t
le_timer_Stop(le_timer_Ref_t timerRef)
{
    timerRef->running = FALSE;
    return LE_OK;
}

void
le_timer_Restart(le_timer_Ref_t timerRef)
{
    timerRef->starts++;
    timerRef->running = TRUE;
}

le_clk_Time_t
le_clk_GetRelativeTime(void)
{
    return (le_clk_Time_t){.sec = clock_now_ms / 1000, .usec = clock_now_ms % 1000 * 1000};
}

le_clk_Time_t
le_clk_GetAbsoluteTime(void)
{
    return (le_clk_Time_t){.sec = 1800000000};
}

void
le_rand_GetBuffer(guint8 *bufPtr, size_t bufSize)
{
    memset(bufPtr, 7, bufSize);
}

/* No connection ever comes so far here: that is for test-agent-boot. */
le_fdMonitor_Ref_t
le_fdMonitor_Create(const char *name, int fd, le_fdMonitor_HandlerFunc_t handlerFunc, short events)
{
    g_assert_not_reached();
}

void
le_fdMonitor_Enable(le_fdMonitor_Ref_t monitorRef, short events)
{
    g_assert_not_reached();
}

void
le_fdMonitor_Disable(le_fdMonitor_Ref_t monitorRef, short events)
{
    g_assert_not_reached();
}

void
le_fdMonitor_Delete(le_fdMonitor_Ref_t monitorRef)
{
    g_assert_not_reached();
}

static struct le_timer *
find_timer(const char *name)
{
    for (guint i = 0; i < n_timers; i++)
        if (strcmp(timers[i].name, name) == 0)
            return &timers[i];
    return NULL;
}

static void
expire(struct le_timer *timer)
{
    g_assert_true(timer->running);
    timer->running = FALSE;
    clock_now_ms += timer->interval_ms;
    timer->handler(timer);
}

static int
boot_item_write(void *data, const char *name, const guint8 *bytes, size_t len)
{
    return kl_sealed_write(name, bytes, len);
}

static int
boot_item_read(void *data, const char *name, guint8 *bytes, size_t cap, size_t *len)
{
    return kl_sealed_read(name, bytes, cap, len);
}

static int
boot_item_delete(void *data, const char *name)
{
    return kl_sealed_delete(name);
}

/* A unit that nobody talks to tries to begin by itself; without certificate and endpoint it can't, and a rehearsal says
 * so. This is the one start of the component in this program. */
static void
test_boot(void)
{
    static const KlAgentOps ops = {
        .item_write = boot_item_write, .item_read = boot_item_read, .item_delete = boot_item_delete};
    KlAgentBootStatus status;
    storage_reset();
    kl_boot_start(&ops);
    struct le_timer *field = find_timer("keylineField");
    g_assert_nonnull(field);
    g_assert_cmpuint(field->interval_ms, ==, 120000);
    kl_boot_hold();
    g_assert_cmpuint(field->starts, ==, 2);
    expire(field);
    kl_boot_control.status(NULL, &status);
    g_assert_cmpint(status.state, ==, KL_AGENT_BOOT_FRESH);
    g_assert_cmpint(status.clock_s, ==, 1800000000);
    g_assert_cmpint(kl_boot_control.start(NULL), ==, KL_AGENT_E_BOOT_INCOMPLETE);
    g_assert_cmpuint(g_hash_table_size(records), ==, 0);
    g_assert_cmpint(kl_boot_control.rehearse(NULL, "127.0.0.1:1", (const guint8[32]){0}), ==, 0);
    kl_boot_control.status(NULL, &status);
    g_assert_cmpint(status.state, ==, KL_AGENT_BOOT_FAILED);
    g_assert_cmpint(status.trouble, ==, KL_AGENT_TROUBLE_INCOMPLETE);
    g_assert_false(find_timer("keylineBoot")->running);
    g_assert_cmpint(kl_boot_control.reset(NULL), ==, 0);
    kl_boot_control.status(NULL, &status);
    g_assert_cmpint(status.state, ==, KL_AGENT_BOOT_FRESH);
}

/* The hook gets the software in a file, and its word counts. */
static void
test_hook(void)
{
    g_autofree char *dir = g_dir_make_tmp("kl-hook-XXXXXX", NULL);
    g_autofree char *program = g_build_filename(dir, "hook", NULL);
    g_autofree char *script =
        g_strdup_printf("#!/bin/sh\necho \"$1 $2\" >%s/said; [ \"$1\" = revert ] || cp \"$3\" %s/copy\n"
                        "[ \"$2\" != 9 ]\n",
                        dir, dir);
    g_autofree char *copy_file = g_build_filename(dir, "copy", NULL);
    g_autofree char *copy = NULL;
    g_assert_true(g_file_set_contents_full(program, script, -1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
    g_unsetenv("KEYLINE_SOFTWARE_HOOK");
    g_assert_false(kl_hook_apply(3, (const guint8 *)"new", 3));
    g_assert_true(kl_hook_revert());
    g_setenv("KEYLINE_SOFTWARE_HOOK", program, TRUE);
    g_assert_true(kl_hook_apply(3, (const guint8 *)"new", 3));
    g_assert_true(g_file_get_contents(copy_file, &copy, NULL, NULL));
    g_assert_cmpstr(copy, ==, "new");
    g_assert_false(kl_hook_apply(9, (const guint8 *)"new", 3));
    g_assert_true(kl_hook_revert());
    g_setenv("KEYLINE_SOFTWARE_HOOK", "/no/such/program", TRUE);
    g_assert_false(kl_hook_apply(3, (const guint8 *)"new", 3));
    g_assert_false(kl_hook_revert());
    g_autofree char *remove = g_strdup_printf("rm -r %s", dir);
    g_assert_true(g_spawn_command_line_sync(remove, NULL, NULL, NULL, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-module-boot/boot", test_boot);
    g_test_add_func("/agent-module-boot/hook", test_hook);
    int result = g_test_run();
    g_clear_pointer(&records, g_hash_table_unref);
    return result;
}
