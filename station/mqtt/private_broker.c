#include "station/mqtt/private_broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "station/error.h"
#include "station/mqtt/acl.h"
#include "station/mqtt/private_folder.h"
#include "station/mqtt/private_pki.h"

#define START_MS 15000
#define PORT_TRIES 8
#define SAID_MAX 2000 /* bytes of what it said last */
#define DEVICES_CA "devices-ca.pem"
#define SERVICE_NAME "keyline-activation"
#define WINDOW 1000
#define SESSION_S 3600

struct KlPrivateBroker {
    char *folder;
    int folder_fd; /* holds it */
    char *program;
    char *listen;
    char *devices_ca;
    char *crl;
    char *sha256;
    char *files[3]; /* the CA's, and the service's certificate and key */
    guint16 ports[2];

    /* The thread that started it, and reads what it says, lives as long as it does: a child's parent-death signal comes
     * when the thread ends that made it. */
    pthread_t thread;
    gboolean threaded;
    int output;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GPid pid;
    gboolean running, ended;
    GString *said;
};

/* --- the child --- */

/* Runs in the child, between fork and exec. */
static void
die_with_parent(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != GPOINTER_TO_INT(data))
        _exit(1);
}

static gboolean
spawn(KlPrivateBroker *broker, GError **error)
{
    g_autofree char *conf = g_build_filename(broker->folder, "mosquitto.conf", NULL);
    char *argv[] = {broker->program, (char *)"-c", conf, NULL};
    g_autoptr(GError) why = NULL;
    GPid pid = 0;
    if (!g_spawn_async_with_pipes(broker->folder, argv, NULL,
                                  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                                      G_SPAWN_CLOEXEC_PIPES,
                                  die_with_parent, GINT_TO_POINTER(getpid()), &pid, NULL, NULL, &broker->output, &why))
        return kl_fail(error, KL_ERROR_BROKER_MISSING, "%s: %s", broker->program, why->message);
    pthread_mutex_lock(&broker->lock);
    broker->pid = pid;
    pthread_mutex_unlock(&broker->lock);
    return TRUE;
}

static void
note_said(KlPrivateBroker *broker, const char *text, gsize length)
{
    pthread_mutex_lock(&broker->lock);
    g_string_append_len(broker->said, text, (gssize)length);
    /* It says so once it listens on all of its ports. */
    if (!broker->running && strstr(broker->said->str, " running\n") != NULL)
        broker->running = TRUE;
    if (broker->said->len > SAID_MAX)
        g_string_erase(broker->said, 0, (gssize)(broker->said->len - SAID_MAX));
    pthread_cond_broadcast(&broker->changed);
    pthread_mutex_unlock(&broker->lock);
}

static void
note_ended(KlPrivateBroker *broker)
{
    pthread_mutex_lock(&broker->lock);
    broker->ended = TRUE;
    pthread_cond_broadcast(&broker->changed);
    pthread_mutex_unlock(&broker->lock);
}

static gpointer
attend(gpointer data)
{
    KlPrivateBroker *broker = data;
    g_autoptr(GError) error = NULL;
    if (!spawn(broker, &error)) {
        note_said(broker, error->message, strlen(error->message));
        note_ended(broker);
        return GINT_TO_POINTER(1);
    }
    char text[1024];
    ssize_t n = 0;
    while ((n = read(broker->output, text, sizeof text)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0)
            note_said(broker, text, (gsize)n);
    }
    close(broker->output);
    note_ended(broker);
    /* Its process id is its own until here. */
    waitpid(broker->pid, NULL, 0);
    return NULL;
}

static void *
attend_thread(void *data)
{
    return attend(data);
}

static void
end(KlPrivateBroker *broker, int signal_number)
{
    if (!broker->threaded)
        return;
    pthread_mutex_lock(&broker->lock);
    if (broker->pid > 0 && !broker->ended)
        kill(broker->pid, signal_number);
    pthread_mutex_unlock(&broker->lock);
    pthread_join(broker->thread, NULL);
    broker->threaded = broker->running = broker->ended = FALSE;
    broker->pid = 0;
}

/* Whether it runs; else *said tells what it said. */
static gboolean
run(KlPrivateBroker *broker, gboolean *missing, char **said)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += START_MS / 1000;
    g_string_truncate(broker->said, 0);
    broker->threaded = pthread_create(&broker->thread, NULL, attend_thread, broker) == 0;
    pthread_mutex_lock(&broker->lock);
    while (broker->threaded && !broker->running && !broker->ended &&
           pthread_cond_timedwait(&broker->changed, &broker->lock, &until) != ETIMEDOUT)
        continue;
    gboolean runs = broker->running && !broker->ended;
    *missing = broker->ended && broker->pid == 0;
    *said = g_strdup(broker->said->str);
    pthread_mutex_unlock(&broker->lock);
    if (!runs)
        end(broker, SIGKILL);
    return runs;
}

/* --- its folder --- */

static gboolean
write_text(const KlPrivateBroker *broker, const char *name, const char *text, GError **error)
{
    g_autofree char *path = g_build_filename(broker->folder, name, NULL);
    g_autoptr(GError) why = NULL;
    return g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &why) ||
           kl_fail(error, KL_ERROR_FILE_FAILED, "%s", why->message);
}

static void
append_listener(GString *conf, const KlPrivateBroker *broker, guint16 port, const char *address, const char *ca,
                const char *acl)
{
    g_string_append_printf(conf,
                           "listener %u %s\n"
                           "cafile %s\ncertfile %s/" KL_PRIVATE_BROKER "\nkeyfile %s/" KL_PRIVATE_BROKER_KEY "\n"
                           "tls_version tlsv1.2\nrequire_certificate true\nuse_identity_as_username true\n"
                           "acl_file %s/%s\n",
                           port, address, ca, broker->folder, broker->folder, broker->folder, acl);
}

static gboolean
write_conf(const KlPrivateBroker *broker, GError **error)
{
    g_autoptr(GString) conf = g_string_new(NULL);
    g_string_append_printf(conf,
                           "per_listener_settings true\n"
                           "log_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\nlog_type information\n"
                           "set_tcp_nodelay true\npersistence true\npersistence_location %s/\n"
                           "max_inflight_messages %d\nmax_queued_messages 0\nmax_packet_size 262144\n",
                           broker->folder, WINDOW);
    /* It was started by root, and stays: nobody else may look into the folder. */
    if (geteuid() == 0)
        g_string_append(conf, "user root\n");
    append_listener(conf, broker, broker->ports[0], broker->listen, broker->devices_ca, "devices.acl");
    g_string_append(conf, "use_username_as_clientid true\n");
    if (broker->crl != NULL)
        g_string_append_printf(conf, "crlfile %s\n", broker->crl);
    append_listener(conf, broker, broker->ports[1], "127.0.0.1", broker->files[0], "service.acl");
    return write_text(broker, "mosquitto.conf", conf->str, error);
}

/* A port that was free a moment ago; 0 when there is none. */
static guint16
free_port(const char *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t size = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    guint16 port = 0;
    if (fd >= 0 && inet_pton(AF_INET, address, &in.sin_addr) == 1 && bind(fd, (struct sockaddr *)&in, sizeof in) == 0 &&
        getsockname(fd, (struct sockaddr *)&in, &size) == 0)
        port = ntohs(in.sin_port);
    if (fd >= 0)
        close(fd);
    return port;
}

static gboolean
start(KlPrivateBroker *broker, guint16 port, GError **error)
{
    g_autofree char *said = NULL;
    gboolean missing = FALSE;
    for (guint i = 0; i < PORT_TRIES && !missing; i++) {
        broker->ports[0] = port != 0 ? port : free_port(broker->listen);
        broker->ports[1] = free_port("127.0.0.1");
        if (!write_conf(broker, error))
            return FALSE;
        g_clear_pointer(&said, g_free);
        if (run(broker, &missing, &said))
            return TRUE;
        /* Somebody else may have been faster. */
        if (strstr(said, "Address already in use") == NULL)
            break;
    }
    g_strdelimit(g_strchomp(said), "\n", ';');
    return kl_fail(error, missing ? KL_ERROR_BROKER_MISSING : KL_ERROR_BROKER_DOWN, "mosquitto: %s", said);
}

/* --- what others call --- */

/* The rules that are shipped, and one more for a topic, if there is any. */
static gboolean
write_acl(const KlPrivateBroker *broker, const char *name, const char *rules, const char *rule, const char *topic,
          GError **error)
{
    g_autofree char *text = g_strconcat(rules, topic != NULL ? rule : "", topic != NULL ? topic : "", "\n", NULL);
    return write_text(broker, name, text, error);
}

static gboolean
take_devices_ca(KlPrivateBroker *broker, const KlPrivateBrokerOptions *options, GError **error)
{
    if (options->devices_ca_pem == NULL) {
        broker->devices_ca = g_canonicalize_filename(options->devices_ca, NULL);
        return TRUE;
    }
    broker->devices_ca = g_build_filename(broker->folder, DEVICES_CA, NULL);
    return write_text(broker, DEVICES_CA, options->devices_ca_pem, error);
}

static gboolean
furnish(KlPrivateBroker *broker, const KlPrivateBrokerOptions *options, GError **error)
{
    const char *telemetry = options->telemetry;
    g_auto(GStrv) parts = telemetry != NULL ? g_strsplit(telemetry, "%u", -1) : NULL;
    g_autofree char *heard = parts != NULL ? g_strjoinv("+", parts) : NULL;
    broker->folder = kl_private_folder_make(&broker->folder_fd, error);
    if (broker->folder == NULL)
        return FALSE;
    broker->files[0] = g_build_filename(broker->folder, KL_PRIVATE_CA, NULL);
    broker->files[1] = g_build_filename(broker->folder, KL_PRIVATE_SERVICE, NULL);
    broker->files[2] = g_build_filename(broker->folder, KL_PRIVATE_SERVICE_KEY, NULL);
    return take_devices_ca(broker, options, error) &&
           kl_private_pki_make(broker->folder, options->name, broker->listen, SERVICE_NAME, &broker->sha256, error) &&
           write_acl(broker, "devices.acl", kl_acl_devices, "pattern write ", telemetry, error) &&
           write_acl(broker, "service.acl", kl_acl_service, "topic read ", heard, error);
}

/* Debian has it where only root's PATH leads. */
char *
kl_private_broker_program(const char *named)
{
    char *found = named != NULL ? g_strdup(named) : g_find_program_in_path("mosquitto");
    return found != NULL ? found : g_strdup("/usr/sbin/mosquitto");
}

KlPrivateBroker *
kl_private_broker_start(const KlPrivateBrokerOptions *options, GError **error)
{
    g_autoptr(KlPrivateBroker) broker = g_new0(KlPrivateBroker, 1);
    pthread_mutex_init(&broker->lock, NULL);
    pthread_cond_init(&broker->changed, NULL);
    broker->said = g_string_new(NULL);
    broker->listen = g_strdup(options->listen);
    broker->folder_fd = -1;
    broker->crl = options->crl != NULL ? g_canonicalize_filename(options->crl, NULL) : NULL;
    broker->program = kl_private_broker_program(options->program);
    if (!furnish(broker, options, error) || !start(broker, options->port, error))
        return NULL;
    return g_steal_pointer(&broker);
}

void
kl_private_broker_free(KlPrivateBroker *broker)
{
    if (broker == NULL)
        return;
    end(broker, SIGKILL);
    if (broker->folder != NULL)
        kl_private_folder_remove(broker->folder, broker->folder_fd);
    pthread_mutex_destroy(&broker->lock);
    pthread_cond_destroy(&broker->changed);
    g_string_free(broker->said, TRUE);
    g_free(broker->folder);
    g_free(broker->program);
    g_free(broker->listen);
    g_free(broker->devices_ca);
    g_free(broker->crl);
    g_free(broker->sha256);
    for (guint i = 0; i < G_N_ELEMENTS(broker->files); i++)
        g_free(broker->files[i]);
    g_free(broker);
}

gboolean
kl_private_broker_restart(KlPrivateBroker *broker, GError **error)
{
    g_autofree char *said = NULL;
    gboolean missing = FALSE;
    /* It writes down what it knows, then. */
    end(broker, SIGTERM);
    return run(broker, &missing, &said) || kl_fail(error, KL_ERROR_BROKER_DOWN, "mosquitto: %s", said);
}

guint16
kl_private_broker_port(const KlPrivateBroker *broker)
{
    return broker->ports[0];
}

guint16
kl_private_broker_service_port(const KlPrivateBroker *broker)
{
    return broker->ports[1];
}

const char *
kl_private_broker_ca_file(const KlPrivateBroker *broker)
{
    return broker->files[0];
}

const char *
kl_private_broker_sha256(const KlPrivateBroker *broker)
{
    return broker->sha256;
}

const char *
kl_private_broker_certificate_file(const KlPrivateBroker *broker)
{
    return broker->files[1];
}

const char *
kl_private_broker_key_file(const KlPrivateBroker *broker)
{
    return broker->files[2];
}

int
kl_private_broker_pid(const KlPrivateBroker *broker)
{
    return broker->pid;
}

KlBrokerOptions
kl_private_broker_options(const KlPrivateBroker *broker)
{
    return (KlBrokerOptions){
        .host = "127.0.0.1",
        .port = broker->ports[1],
        .ca_file = broker->files[0],
        .certificate_file = broker->files[1],
        .key_file = broker->files[2],
        .window = WINDOW,
        .session_s = SESSION_S,
        .denied = "bs/device/" SERVICE_NAME "/register/request",
        .allowed = "bs/device/" SERVICE_NAME "/parameters/",
    };
}
