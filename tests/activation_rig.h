/* What the tests of first boot with a real SQLite file share. */
#pragma once

#include "db/activation_sqlite.h"
#include "station/activation/engine.h"
#include "store-fixture.h"

#define DEVICE "FX30-000001"

static inline KlActivationTable *
open_table(const char *path)
{
    g_autoptr(GError) error = NULL;
    KlActivationTable *table = kl_activation_sqlite_open(path, NULL, NULL, &error);
    g_assert_no_error(error);
    return table;
}

/* A database in which units 1 to n have passed: FX30-000001 and so on have rows in their first state. */
static inline void
pass_units(const char *path, guint n)
{
    g_autoptr(KlStore) store = open_store(path);
    for (guint i = 1; i <= n; i++)
        g_free(pass_unit(store, i));
}

/* The row's state and its connections. */
#define assert_row(path, expected)                                                                                     \
    assert_sql(path, "SELECT registered, version, connections FROM registration WHERE device = '" DEVICE "'", expected)

/* All verdicts and how often each was given, "answered 1 counted 2". */
#define assert_counts(path, device, expected)                                                                          \
    assert_sql(path,                                                                                                   \
               "SELECT coalesce(group_concat(verdict || ' ' || total, ' '), '') FROM (SELECT * FROM activation_counts" \
               " WHERE device = '" device "' ORDER BY verdict)",                                                       \
               expected)

/* Claims DEVICE's credential. replaces: in the place of a request that got no certificate. */
static inline gboolean
claim_device(KlActivationTable *table, const char *claimant, GBytes *csr, gboolean replaces, gint64 now_us,
             KlActivationCredential *credential)
{
    const KlActivationClaim claim = {DEVICE, claimant, csr, replaces, now_us};
    g_autoptr(GError) error = NULL;
    gboolean ok = table->klass->claim(table, &claim, credential, NULL, &error);
    g_assert_no_error(error);
    return ok;
}

#define REQUEST "bs/device/" DEVICE "/register/request"
#define CONFIRM "bs/device/" DEVICE "/register/ok"
#define SOFTWARE "dm/device/" DEVICE "/version/request"
#define VERSION "dm/device/" DEVICE "/update/ok"
#define ANSWER "bs/device/" DEVICE "/parameters/ bs/device/" DEVICE "/parameters/topic "

static inline KlActivationEngine *
make_engine(const KlActivationParts *parts)
{
    g_autoptr(GError) error = NULL;
    KlActivationEngine *engine = kl_activation_engine_new(parts, &error);
    g_assert_no_error(error);
    return engine;
}

static inline KlActivationMessage
message_of(const char *topic, const char *payload)
{
    return (KlActivationMessage){.topic = topic, .payload = payload, .length = strlen(payload)};
}

/* Handles a message: "VERDICT: TOPICS ". */
static inline char *
handle_message(KlActivationEngine *engine, const KlActivationMessage *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlActivation) a = kl_activation_engine_handle(engine, message, NULL, &error);
    if (a == NULL)
        return g_strdup(kl_error_name(kl_error_code(error)));
    g_assert_no_error(error);
    g_autoptr(GString) text = g_string_new(kl_activation_verdict_name(a->verdict));
    g_string_append(text, ": ");
    for (guint i = 0; i < a->publications->len; i++)
        g_string_append_printf(text, "%s ", ((KlPublication *)a->publications->pdata[i])->topic);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static inline char *
handle(KlActivationEngine *engine, const char *topic, const char *payload)
{
    const KlActivationMessage message = message_of(topic, payload);
    return handle_message(engine, &message);
}

#define assert_handled(engine, topic, payload, expected)                                                               \
    do {                                                                                                               \
        g_autofree char *handled = handle(engine, topic, payload);                                                     \
        g_assert_cmpstr(handled, ==, expected);                                                                        \
    } while (0)
