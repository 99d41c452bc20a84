#include "drivers/at_wp77/agent/host/host_boot.h"

#include <errno.h>
#include <gio/gio.h>
#include <openssl/rand.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "drivers/at_wp77/agent/boot_credential.h"
#include "drivers/at_wp77/agent/boot_mqtt.h"

/* The machine is whoever's has the lock: a command's, or the thread's. The thread lets go of it while it waits, and
 * while a name is being resolved. */
struct KlHostBoot {
    KlHostBootOptions options;
    char **connect_to;
    KlAgentBoot *machine;
    KlBootMqtt *mqtt;      /* NULL: there is no connection */
    KlBootMqtt *beginning; /* the thread is about to connect it */
    KlBootMqtt *discarded; /* for the thread to free */
    int connect_error;     /* why there could not even be a connection */
    bool old_protocol;
    bool stopped;
    int wake_fd; /* an eventfd: there is something new for the thread */
    pthread_mutex_t lock;
    pthread_t thread;
    gboolean running;
};

/* --- what the machine works with; under the lock --- */

static int
self(void *data, KlBootSelf *out)
{
    const KlHostBoot *boot = data;
    return kl_boot_self_read(boot->options.ops, boot->options.ops_data, out);
}

static gint64
clock_s(void *data)
{
    const KlHostBoot *boot = data;
    return time(NULL) + boot->options.clock_offset_s;
}

static guint64
now_ms(void *data)
{
    return (guint64)(g_get_monotonic_time() / 1000);
}

static bool
random_bytes(void *data, guint8 *bytes, gsize len)
{
    return RAND_bytes(bytes, (int)len) == 1;
}

static bool
apply(void *data, gint64 version, const guint8 *bytes, gsize len)
{
    const KlHostBoot *boot = data;
    return kl_host_store_software(boot->options.store, bytes, len) == 0;
}

static bool
revert(void *data)
{
    const KlHostBoot *boot = data;
    return kl_host_store_software(boot->options.store, NULL, 0) == 0;
}

static void
wake(const KlHostBoot *boot)
{
    const guint64 one = 1;
    while (write(boot->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* It may be in use further up the stack, or by the thread: the thread frees it. */
static void
disconnect(void *data)
{
    KlHostBoot *boot = data;
    boot->beginning = NULL;
    if (boot->mqtt == NULL)
        return;
    g_assert(boot->discarded == NULL);
    boot->discarded = g_steal_pointer(&boot->mqtt);
    wake(boot);
}

/* Where the endpoint is in truth, or NULL. */
static const char *
find_place(const KlHostBoot *boot, const KlBootSelf *unit)
{
    g_autofree char *prefix = g_strdup_printf("%s:%u=", unit->host, unit->port);
    for (char **at = boot->connect_to; at != NULL && *at != NULL; at++) {
        if (g_str_has_prefix(*at, prefix))
            return *at + strlen(prefix);
    }
    return NULL;
}

/* --- what the connection tells; in the thread, under the lock --- */

static void
on_connected(void *data)
{
    kl_agent_boot_connected(((KlHostBoot *)data)->machine);
}

static void
on_subscribed(void *data, bool granted)
{
    kl_agent_boot_subscribed(((KlHostBoot *)data)->machine, granted);
}

static void
on_published(void *data, int ticket, bool taken)
{
    kl_agent_boot_published(((KlHostBoot *)data)->machine, ticket, taken);
}

static void
on_message(void *data, const char *topic, const guint8 *payload, gsize len, bool retained)
{
    const KlHostBoot *boot = data;
    if (!boot->options.deaf)
        kl_agent_boot_message(boot->machine, topic, payload, len, retained);
}

static void
on_lost(void *data, KlAgentBootTrouble trouble, const char *words)
{
    kl_agent_boot_lost(((KlHostBoot *)data)->machine, trouble, words);
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
    KlHostBoot *boot = data;
    const KlBootMqttPlan plan = {
        .store = boot->options.ops,
        .store_data = boot->options.ops_data,
        .target = target,
        .connect_to = target->address == NULL ? find_place(boot, target->self) : NULL,
        .clock_s = clock_s(boot),
        .old_protocol = &boot->old_protocol,
        .events = &events,
        .data = boot,
    };
    disconnect(boot);
    boot->beginning = kl_boot_mqtt_new(&plan, &boot->connect_error);
}

static void
subscribe(void *data, char filters[KL_BOOT_FILTERS][KL_BOOT_SAY_TOPIC_MAX + 1])
{
    const KlHostBoot *boot = data;
    if (boot->mqtt != NULL)
        kl_boot_mqtt_subscribe(boot->mqtt, filters);
}

static int
publish(void *data, const char *topic, const char *payload)
{
    const KlHostBoot *boot = data;
    return boot->mqtt != NULL ? kl_boot_mqtt_publish(boot->mqtt, topic, payload) : 0;
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

/* --- the thread --- */

/* Connects what the machine wants connected; the lock is let go meanwhile, and it may have changed its mind. */
static void
connect_now(KlHostBoot *boot)
{
    KlBootMqtt *mqtt = boot->beginning;
    if (mqtt == NULL) {
        if (boot->connect_error != 0)
            kl_agent_boot_lost(boot->machine,
                               boot->connect_error == KL_AGENT_E_BOOT_INCOMPLETE ? KL_AGENT_TROUBLE_INCOMPLETE
                                                                                 : KL_AGENT_TROUBLE_OTHER,
                               "certificate, key or trust can't be used");
        boot->connect_error = 0;
        return;
    }
    pthread_mutex_unlock(&boot->lock);
    kl_boot_mqtt_connect(mqtt);
    pthread_mutex_lock(&boot->lock);
    if (boot->beginning == mqtt) {
        boot->beginning = NULL;
        boot->mqtt = mqtt;
    } else {
        kl_boot_mqtt_free(mqtt);
    }
}

static int
wait_ms(const KlHostBoot *boot, guint64 due_ms)
{
    guint64 now = now_ms(NULL);
    guint64 longest = boot->mqtt != NULL ? KL_BOOT_MQTT_STEP_MS : G_MAXINT;
    if (due_ms == KL_BOOT_NEVER && boot->mqtt == NULL)
        return -1;
    return (int)MIN(due_ms > now ? due_ms - now : 0, longest);
}

/* Waits for the connection, a command or the time, without the lock. */
static void
wait_and_step(KlHostBoot *boot, guint64 due_ms)
{
    KlBootMqtt *mqtt = boot->mqtt;
    struct pollfd fds[2] = {{.fd = boot->wake_fd, .events = POLLIN}, {.fd = -1}};
    int timeout = wait_ms(boot, due_ms);
    if (mqtt != NULL) {
        fds[1] = kl_boot_mqtt_poll(mqtt);
        timeout = fds[1].fd < 0 ? 0 : timeout;
    }
    pthread_mutex_unlock(&boot->lock);
    int n = poll(fds, 2, timeout);
    if (n > 0 && fds[0].revents != 0) {
        guint64 count = 0;
        (void)!read(boot->wake_fd, &count, sizeof count);
    }
    pthread_mutex_lock(&boot->lock);
    if (mqtt != NULL && boot->mqtt == mqtt)
        kl_boot_mqtt_step(mqtt, n > 0 ? fds[1].revents : 0);
}

static void *
run(void *data)
{
    KlHostBoot *boot = data;
    pthread_mutex_lock(&boot->lock);
    while (!boot->stopped) {
        g_clear_pointer(&boot->discarded, kl_boot_mqtt_free);
        guint64 due_ms = kl_agent_boot_tick(boot->machine);
        if (boot->beginning != NULL || boot->connect_error != 0)
            connect_now(boot);
        else if (boot->discarded == NULL && !boot->stopped)
            wait_and_step(boot, due_ms);
    }
    pthread_mutex_unlock(&boot->lock);
    return NULL;
}

/* --- the commands --- */

static int
control_start(void *data)
{
    KlHostBoot *boot = data;
    pthread_mutex_lock(&boot->lock);
    int error = kl_agent_boot_start(boot->machine);
    pthread_mutex_unlock(&boot->lock);
    wake(boot);
    return error;
}

static int
control_rehearse(void *data, const char *address, const guint8 sha256[KL_AGENT_HASH_SIZE])
{
    KlHostBoot *boot = data;
    pthread_mutex_lock(&boot->lock);
    int error = kl_agent_boot_rehearse(boot->machine, address, sha256);
    pthread_mutex_unlock(&boot->lock);
    wake(boot);
    return error;
}

static int
control_reset(void *data)
{
    KlHostBoot *boot = data;
    pthread_mutex_lock(&boot->lock);
    int error = kl_agent_boot_reset(boot->machine);
    pthread_mutex_unlock(&boot->lock);
    wake(boot);
    return error;
}

static void
control_status(void *data, KlAgentBootStatus *status)
{
    KlHostBoot *boot = data;
    pthread_mutex_lock(&boot->lock);
    kl_agent_boot_status(boot->machine, status);
    pthread_mutex_unlock(&boot->lock);
}

const KlAgentBootControl kl_host_boot_control = {
    .start = control_start,
    .rehearse = control_rehearse,
    .reset = control_reset,
    .status = control_status,
};

gboolean
kl_host_boot_connect_to_valid(const char *text)
{
    char host[KL_BOOT_HOST_MAX + 1];
    guint16 port = 0;
    g_auto(GStrv) parts = g_strsplit(text, "=", 2);
    return g_strv_length(parts) == 2 && strchr(parts[0], ':') != NULL && strchr(parts[1], ':') != NULL &&
           kl_boot_address_read(parts[0], host, &port) && kl_boot_address_read(parts[1], host, &port);
}

/* The thread takes no signal, so that a broker that hangs up is an error of write() and no SIGPIPE. */
static gboolean
start_thread(KlHostBoot *boot, GError **error)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&boot->thread, NULL, run, boot);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    boot->running = failed == 0;
    if (failed != 0)
        g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(failed), "no thread: %s", g_strerror(failed));
    return boot->running;
}

KlHostBoot *
kl_host_boot_start(const KlHostBootOptions *options, GError **error)
{
    g_autoptr(KlHostBoot) boot = g_new0(KlHostBoot, 1);
    pthread_mutex_init(&boot->lock, NULL);
    boot->options = *options;
    boot->connect_to = g_strdupv((char **)options->connect_to);
    boot->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    boot->machine = kl_agent_boot_new(options->ops, options->ops_data, &machine_ops, boot, &options->times);
    if (boot->wake_fd < 0 || boot->machine == NULL) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "no eventfd, or no memory");
        return NULL;
    }
    int failed = kl_agent_boot_resume(boot->machine);
    if (failed != 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "the first boot can't be gone on with (%d)", failed);
        return NULL;
    }
    return start_thread(boot, error) ? g_steal_pointer(&boot) : NULL;
}

void
kl_host_boot_stop(KlHostBoot *boot)
{
    if (boot->running) {
        pthread_mutex_lock(&boot->lock);
        boot->stopped = true;
        pthread_mutex_unlock(&boot->lock);
        wake(boot);
        pthread_join(boot->thread, NULL);
    }
    kl_boot_mqtt_free(boot->mqtt);
    kl_boot_mqtt_free(boot->beginning);
    kl_boot_mqtt_free(boot->discarded);
    kl_agent_boot_free(boot->machine);
    if (boot->wake_fd >= 0)
        close(boot->wake_fd);
    g_strfreev(boot->connect_to);
    pthread_mutex_destroy(&boot->lock);
    g_free(boot);
}
