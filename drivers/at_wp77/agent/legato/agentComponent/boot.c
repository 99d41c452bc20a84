#include "boot.h"

#include "interfaces.h"
#include "legato.h"

#include "hook.h"

#include "drivers/at_wp77/agent/activation.h"
#include "drivers/at_wp77/agent/boot_credential.h"
#include "drivers/at_wp77/agent/boot_mqtt.h"

#include <signal.h>

#define WAIT_VARIABLE "KEYLINE_FIRST_BOOT_S"
#define WAIT_DEFAULT_S 120
#define WAIT_MAX_S 86400

static struct {
    const KlAgentOps *store;
    KlAgentBoot *machine;
    KlBootMqtt *mqtt;      /* NULL: there is no connection */
    KlBootMqtt *beginning; /* about to be connected */
    KlBootMqtt *discarded; /* may still be in use further up the stack */
    int connect_error;     /* why there could not even be a connection */
    bool old_protocol;
    int monitored_fd; /* -1: none */
    le_fdMonitor_Ref_t monitor;
    le_timer_Ref_t due;   /* the machine's, or the connection's next step */
    le_timer_Ref_t begin; /* NULL: it does not begin by itself */
} boot;

/* --- what the machine works with --- */

static int
self(void *data, KlBootSelf *out)
{
    return kl_boot_self_read(boot.store, NULL, out);
}

static uint64_t
now_ms(void *data)
{
    le_clk_Time_t now = le_clk_GetRelativeTime();
    return (uint64_t)now.sec * 1000 + (uint64_t)now.usec / 1000;
}

static int64_t
clock_s(void *data)
{
    return le_clk_GetAbsoluteTime().sec;
}

static bool
random_bytes(void *data, uint8_t *bytes, size_t len)
{
    le_rand_GetBuffer(bytes, len);
    return true;
}

static bool
apply(void *data, int64_t version, const uint8_t *bytes, size_t len)
{
    return kl_hook_apply(version, bytes, len);
}

static bool
revert(void *data)
{
    return kl_hook_revert();
}

static void
disconnect(void *data)
{
    if (boot.beginning != NULL)
        kl_boot_mqtt_free(boot.beginning);
    boot.beginning = NULL;
    if (boot.mqtt != NULL)
        boot.discarded = boot.mqtt;
    boot.mqtt = NULL;
}

static void
on_connected(void *data)
{
    kl_agent_boot_connected(boot.machine);
}

static void
on_subscribed(void *data, bool granted)
{
    kl_agent_boot_subscribed(boot.machine, granted);
}

static void
on_published(void *data, int ticket, bool taken)
{
    kl_agent_boot_published(boot.machine, ticket, taken);
}

static void
on_message(void *data, const char *topic, const uint8_t *payload, size_t len, bool retained)
{
    int error = kl_agent_boot_message(boot.machine, topic, payload, len, retained);
    if (error != 0)
        LE_WARN("a message of the first boot: error %d", error);
}

static void
on_lost(void *data, KlAgentBootTrouble trouble, const char *words)
{
    LE_WARN("the broker: %s", words != NULL ? words : "gone");
    kl_agent_boot_lost(boot.machine, trouble, words);
}

static void
begin_to_connect(void *data, const KlBootTarget *target)
{
    static const KlBootMqttEvents events = {
        .connected = on_connected,
        .subscribed = on_subscribed,
        .published = on_published,
        .message = on_message,
        .lost = on_lost,
    };
    const KlBootMqttPlan plan = {
        .store = boot.store,
        .target = target,
        .clock_s = clock_s(NULL),
        .old_protocol = &boot.old_protocol,
        .events = &events,
    };
    disconnect(NULL);
    boot.beginning = kl_boot_mqtt_new(&plan, &boot.connect_error);
}

static void
subscribe(void *data, char filters[KL_BOOT_FILTERS][KL_BOOT_SAY_TOPIC_MAX + 1])
{
    if (boot.mqtt != NULL)
        kl_boot_mqtt_subscribe(boot.mqtt, filters);
}

static int
publish(void *data, const char *topic, const char *payload)
{
    return boot.mqtt != NULL ? kl_boot_mqtt_publish(boot.mqtt, topic, payload) : 0;
}

static const KlAgentBootOps machine_ops = {
    .self = self,
    .connect = begin_to_connect,
    .disconnect = disconnect,
    .subscribe = subscribe,
    .publish = publish,
    .random = random_bytes,
    .now_ms = now_ms,
    .clock_s = clock_s,
    .apply = apply,
    .revert = revert,
};

/* --- the loop --- */

static void on_fd(int fd, short events);

static void
drop_monitor(void)
{
    if (boot.monitor != NULL)
        le_fdMonitor_Delete(boot.monitor);
    boot.monitor = NULL;
    boot.monitored_fd = -1;
}

/* Watches the connection's descriptor for what it waits for. */
static void
watch(void)
{
    struct pollfd wanted = boot.mqtt != NULL ? kl_boot_mqtt_poll(boot.mqtt) : (struct pollfd){.fd = -1};
    if (wanted.fd != boot.monitored_fd)
        drop_monitor();
    if (wanted.fd < 0)
        return;
    if (boot.monitor == NULL)
        boot.monitor = le_fdMonitor_Create("keylineBroker", wanted.fd, on_fd, wanted.events);
    boot.monitored_fd = wanted.fd;
    le_fdMonitor_Disable(boot.monitor, (POLLIN | POLLOUT) & ~wanted.events);
    le_fdMonitor_Enable(boot.monitor, wanted.events);
}

static void
wait_until(uint64_t due_ms)
{
    uint64_t now = now_ms(NULL);
    uint64_t wait = due_ms > now ? due_ms - now : 1;
    le_timer_Stop(boot.due);
    if (boot.mqtt != NULL && wait > KL_BOOT_MQTT_STEP_MS)
        wait = boot.monitor != NULL ? KL_BOOT_MQTT_STEP_MS : 1;
    if (due_ms == KL_BOOT_NEVER && boot.mqtt == NULL)
        return;
    le_timer_SetMsInterval(boot.due, (uint32_t)(wait < UINT32_MAX ? wait : UINT32_MAX));
    le_timer_Start(boot.due);
}

static void
connect_now(void)
{
    KlBootMqtt *mqtt = boot.beginning;
    int error = boot.connect_error;
    boot.beginning = NULL;
    boot.connect_error = 0;
    if (mqtt != NULL) {
        kl_boot_mqtt_connect(mqtt);
        boot.mqtt = mqtt;
    } else if (error != 0) {
        kl_agent_boot_lost(boot.machine,
                           error == KL_AGENT_E_BOOT_INCOMPLETE ? KL_AGENT_TROUBLE_INCOMPLETE : KL_AGENT_TROUBLE_OTHER,
                           "certificate, key or trust can't be used");
    }
}

/* Does what is due, frees what is not needed any more, and arranges for the next thing. */
static void
go_on(void)
{
    uint64_t due_ms;
    do {
        due_ms = kl_agent_boot_tick(boot.machine);
        connect_now();
    } while (due_ms <= now_ms(NULL));
    if (boot.discarded != NULL) {
        drop_monitor();
        kl_boot_mqtt_free(boot.discarded);
        boot.discarded = NULL;
    }
    watch();
    wait_until(due_ms);
}

static void
on_fd(int fd, short events)
{
    if (boot.mqtt != NULL)
        kl_boot_mqtt_step(boot.mqtt, events);
    go_on();
}

static void
on_due(le_timer_Ref_t timer)
{
    if (boot.mqtt != NULL)
        kl_boot_mqtt_step(boot.mqtt, 0);
    go_on();
}

/* --- the commands --- */

static int
start(void *data)
{
    int error = kl_agent_boot_start(boot.machine);
    go_on();
    return error;
}

static int
rehearse(void *data, const char *address, const uint8_t sha256[KL_AGENT_HASH_SIZE])
{
    int error = kl_agent_boot_rehearse(boot.machine, address, sha256);
    go_on();
    return error;
}

static int
reset(void *data)
{
    int error = kl_agent_boot_reset(boot.machine);
    go_on();
    return error;
}

static void
status(void *data, KlAgentBootStatus *out)
{
    kl_agent_boot_status(boot.machine, out);
}

const KlAgentBootControl kl_boot_control = {
    .start = start,
    .rehearse = rehearse,
    .reset = reset,
    .status = status,
};

/* --- beginning by itself --- */

static void
on_begin(le_timer_Ref_t timer)
{
    int error = start(NULL);
    LE_INFO("the first boot begins by itself: %d", error);
}

void
kl_boot_hold(void)
{
    if (boot.begin != NULL)
        le_timer_Restart(boot.begin);
}

/* A unit that nobody talks to for a while is in the field. */
static void
wait_for_field(void)
{
    const char *given = getenv(WAIT_VARIABLE);
    long seconds = given != NULL ? strtol(given, NULL, 10) : WAIT_DEFAULT_S;
    KlAgentBootStatus now;
    kl_agent_boot_status(boot.machine, &now);
    if (seconds <= 0 || seconds > WAIT_MAX_S || now.state != KL_AGENT_BOOT_FRESH)
        return;
    boot.begin = le_timer_Create("keylineField");
    le_timer_SetHandler(boot.begin, on_begin);
    le_timer_SetMsInterval(boot.begin, (uint32_t)seconds * 1000);
    le_timer_Start(boot.begin);
}

void
kl_boot_start(const KlAgentOps *store)
{
    signal(SIGPIPE, SIG_IGN); /* a broker that hangs up is an error of write() */
    boot.store = store;
    boot.monitored_fd = -1;
    boot.machine = kl_agent_boot_new(store, NULL, &machine_ops, NULL, NULL);
    if (boot.machine == NULL)
        LE_FATAL("no memory");
    boot.due = le_timer_Create("keylineBoot");
    le_timer_SetHandler(boot.due, on_due);
    int error = kl_agent_boot_resume(boot.machine);
    if (error != 0)
        LE_ERROR("the first boot can't be gone on with: %d", error);
    wait_for_field();
    go_on();
}
