/* What the tests of certs/ share: temporary folders, the openssl command line as an oracle that knows nothing of our
 * code, a product and a unit. */
#pragma once

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdarg.h>

#include "station/certificate.h"
#include "station/error.h"
#include "station/profile.h"
#include "station/secret.h"

#define ORACLE_DAY 86400
#define ORACLE_IMEI "352653090215245"

/* Runs a shell command in dir; returns what it prints on both outputs and its exit status. */
static inline char *oracle_try(const char *dir, int *status, const char *format, va_list args) G_GNUC_PRINTF(3, 0);

static inline char *
oracle_try(const char *dir, int *status, const char *format, va_list args)
{
    g_autofree char *command = g_strdup_vprintf(format, args);
    g_autofree char *both = g_strdup_printf("cd \"$1\" && ( %s ) 2>&1", command);
    const char *const argv[] = {"/bin/sh", "-c", both, "sh", dir, NULL};
    char *output = NULL;
    g_autoptr(GError) error = NULL;
    /* Exec closes all descriptors here by itself, and the shell changes to dir: GLib need not fork then, which a
     * sanitizer's memory makes slow. */
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, &output, NULL, status, &error);
    g_assert_no_error(error);
    g_test_message("%s\n%s", command, output);
    return output;
}

/* A command that has to succeed. */
G_GNUC_PRINTF(2, 3)
static inline char *
oracle(const char *dir, const char *format, ...)
{
    int status = -1;
    va_list args;
    va_start(args, format);
    char *output = oracle_try(dir, &status, format, args);
    va_end(args);
    g_assert_cmpint(status, ==, 0);
    return output;
}

/* A command that has to succeed and whose output does not matter. */
#define ORACLE(...) g_free(oracle(__VA_ARGS__))

static inline char *
oracle_folder(void)
{
    g_autoptr(GError) error = NULL;
    char *dir = g_dir_make_tmp("keyline-certs-XXXXXX", &error);
    g_assert_no_error(error);
    return dir;
}

static inline void
oracle_folder_remove(char *dir)
{
    ORACLE("/", "rm -rf '%s'", dir);
    g_free(dir);
}

typedef char OracleFolder;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OracleFolder, oracle_folder_remove)

static inline GBytes *
oracle_read(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autoptr(GError) error = NULL;
    char *data = NULL;
    gsize length = 0;
    g_file_get_contents(path, &data, &length, &error);
    g_assert_no_error(error);
    return g_bytes_new_take(data, length);
}

static inline void
oracle_write(const char *dir, const char *name, const void *data, gssize length)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autoptr(GError) error = NULL;
    g_file_set_contents_full(path, data, length, G_FILE_SET_CONTENTS_NONE, 0600, &error);
    g_assert_no_error(error);
}

/* The certificate's DER as DIR/NAME in PEM form. */
static inline void
oracle_write_certificate(const char *dir, const char *name, const KlCertificate *certificate)
{
    g_autofree char *pem = kl_certificate_pem(certificate);
    oracle_write(dir, name, pem, -1);
}

/* The request's DER made by "openssl req" for a new P-256 key, which is left in DIR/unit.key. */
static inline GBytes *
oracle_csr(const char *dir, const char *common_name)
{
    ORACLE(dir,
           "openssl ecparam -name prime256v1 -genkey -noout -out unit.key &&"
           "openssl req -new -key unit.key -subj '/CN=%s' -outform DER -out unit.csr",
           common_name);
    return oracle_read(dir, "unit.csr");
}

static inline KlSecret *
oracle_secret(const char *text)
{
    return kl_secret_new(text, strlen(text));
}

static inline KlProfile
oracle_profile(void)
{
    return (KlProfile){
        .name = (char *)"fx30s",
        .subject = (char *)"CN={device_id},OU=Gateways,O=Example\\, Inc.,C=SE",
        .validity_days = 3650,
        .backdate_minutes = 60,
        .ca_margin_days = 30,
    };
}

static inline KlUnit
oracle_unit(void)
{
    return (KlUnit){
        .imei = (char *)ORACLE_IMEI,
        .fsn = (char *)"4L936370140910",
        .device_id = (char *)"FX30-000001",
    };
}

/* text contains part. */
static inline void
oracle_assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        g_error("\"%s\" is not in:\n%s", part, text);
}

#define oracle_assert_code(failure, wanted)                                                                            \
    do {                                                                                                               \
        g_assert_nonnull(failure);                                                                                     \
        g_autofree char *oracle_shown = g_utf8_make_valid((failure)->message, -1);                                     \
        g_test_message("%s: %s", kl_error_name(kl_error_code(failure)), oracle_shown);                                 \
        g_assert_cmpstr(kl_error_name(kl_error_code(failure)), ==, kl_error_name(wanted));                             \
    } while (0)
