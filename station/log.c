#include "station/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define MESSAGE_MAX 8192 /* characters of one message */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1; /* guarded by mutex */

static const char *
level_name(GLogLevelFlags level)
{
    switch (level & G_LOG_LEVEL_MASK) {
    case G_LOG_LEVEL_ERROR:
        return "FATAL";
    case G_LOG_LEVEL_CRITICAL:
        return "ERROR";
    case G_LOG_LEVEL_WARNING:
        return "WARN ";
    case G_LOG_LEVEL_MESSAGE:
        return "NOTE ";
    case G_LOG_LEVEL_INFO:
        return "INFO ";
    default:
        return "DEBUG";
    }
}

/* Appends a message so that it stays one line and can't steer a terminal. */
static void
append_message(GString *line, const char *message)
{
    g_autofree char *valid = g_utf8_make_valid(message, -1);
    guint count = 0;
    for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
        if (count++ == MESSAGE_MAX) {
            g_string_append(line, "...");
            return;
        }
        gunichar c = g_utf8_get_char(at);
        if (c == '\n')
            g_string_append(line, "\\n");
        else if (g_unichar_iscntrl(c) || c == 0x2028 || c == 0x2029)
            g_string_append_printf(line, "\\u%04x", c);
        else
            g_string_append_unichar(line, c);
    }
}

static char *
format_line(GLogLevelFlags level, const char *message)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *seconds = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
    GString *line = g_string_new(NULL);
    g_string_append_printf(line, "%s.%06dZ %s ", seconds, g_date_time_get_microsecond(now), level_name(level));
    append_message(line, message);
    g_string_append_c(line, '\n');
    return g_string_free(line, FALSE);
}

static gboolean
write_all(int fd, const char *text)
{
    gsize left = strlen(text);
    while (left > 0) {
        ssize_t count = write(fd, text, left);
        if (count < 0 && errno != EINTR)
            return FALSE;
        text += MAX(count, 0);
        left -= (gsize)MAX(count, 0);
    }
    return TRUE;
}

static const char *
field(const GLogField *fields, gsize count, const char *key)
{
    for (gsize i = 0; i < count; i++) {
        if (strcmp(fields[i].key, key) == 0 && fields[i].length < 0)
            return fields[i].value;
    }
    return NULL;
}

static GLogWriterOutput
write_log(GLogLevelFlags level, const GLogField *fields, gsize count, gpointer unused)
{
    const char *message = field(fields, count, "MESSAGE");
    const char *domain = field(fields, count, "GLIB_DOMAIN");
    gboolean chatter = (level & (G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_INFO)) != 0;
    /* The libraries' own chatter is none of the station's. */
    if (message == NULL || (chatter && g_strcmp0(domain, G_LOG_DOMAIN) != 0))
        return G_LOG_WRITER_HANDLED;

    gboolean severe = (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) != 0;
    g_autofree char *line = format_line(level, message);
    pthread_mutex_lock(&mutex);
    gboolean kept = log_fd >= 0 && write_all(log_fd, line);
    gboolean lost = log_fd >= 0 && !kept;
    if (severe || lost)
        write_all(STDERR_FILENO, line);
    pthread_mutex_unlock(&mutex);
    return G_LOG_WRITER_HANDLED;
}

static void
set_writer(void)
{
    g_log_set_writer_func(write_log, NULL, NULL);
}

void
kl_log_open(const char *dir)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_writer);
    kl_log_close();
    if (dir == NULL)
        return;

    g_autofree char *path = g_build_filename(dir, "keyline.log", NULL);
    /* Not blocking: a FIFO in the file's place must not stall the station. */
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (fd < 0) {
        g_warning("can't open %s: %s; messages go to stderr only", path, g_strerror(errno));
        return;
    }
    pthread_mutex_lock(&mutex);
    log_fd = fd;
    pthread_mutex_unlock(&mutex);
}

void
kl_log_close(void)
{
    pthread_mutex_lock(&mutex);
    int fd = log_fd;
    log_fd = -1;
    pthread_mutex_unlock(&mutex);
    if (fd >= 0)
        close(fd);
}
