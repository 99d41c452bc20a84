/* Checks a proof. */
#include <glib/gstdio.h>
#include <string.h>

#include "db/audit_verify_shown.h"
#include "station/error.h"

#define FORMAT "keyline-audit-proof-1"
#define PROOF_MAX (256 << 20)

typedef struct {
    KlAuditSpan certificate, checkpoint, format, identifier;
    KlAuditSpan events, hidden; /* arrays; what is left of them */
    char *event;                /* the one that was handed out last */
    char *wanted;               /* the identifier, lower case */
    gboolean found;             /* in one of the events */
} Proof;

static gboolean
read_proof(Proof *proof, KlAuditSpan rest)
{
    const struct {
        const char *name;
        KlAuditSpan *value;
    } members[] = {
        {"certificate", &proof->certificate}, {"checkpoint", &proof->checkpoint}, {"events", &proof->events},
        {"format", &proof->format},           {"hidden", &proof->hidden},         {"identifier", &proof->identifier},
    };
    KlAuditSpan name, value;
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
        if (!kl_audit_scan_member(&rest, &name, members[i].value) ||
            !kl_audit_span_is(name, members[i].name, strlen(members[i].name)))
            return FALSE;
    }
    return !kl_audit_scan_member(&rest, &name, &value) && proof->events.at[0] == '[' && proof->hidden.at[0] == '[' &&
           kl_audit_span_is(kl_audit_scan_raw(proof->format), FORMAT, strlen(FORMAT));
}

static gboolean
next_event(gpointer data, KlAuditSpan *bytes)
{
    Proof *proof = data;
    KlAuditSpan value;
    if (!kl_audit_scan_element(&proof->events, &value))
        return FALSE;
    g_free(proof->event);
    proof->event = kl_audit_scan_text(value);
    *bytes = (KlAuditSpan){proof->event != NULL ? proof->event : "", proof->event != NULL ? strlen(proof->event) : 0};
    return TRUE;
}

static gboolean
next_hidden(gpointer data, KlAuditSpan *hex)
{
    KlAuditSpan value;
    if (!kl_audit_scan_element(&((Proof *)data)->hidden, &value))
        return FALSE;
    *hex = kl_audit_scan_raw(value);
    return TRUE;
}

static void
look_for_identifier(gpointer data, const KlAuditEvent *event, KlAuditSpan bytes)
{
    Proof *proof = data;
    if (proof->found)
        return;
    g_autofree char *lower = g_ascii_strdown(bytes.at, (gssize)bytes.length);
    proof->found = proof->wanted[0] != '\0' && strstr(lower, proof->wanted) != NULL;
}

/* A certificate as OpenSSL writes it, and nothing around it: bits that nothing reads must not be free to change. */
static gboolean
is_plain_pem(const char *pem)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----\n", end[] = "-----END CERTIFICATE-----\n";
    gsize length = 0;
    if (!g_str_has_prefix(pem, begin) || !g_str_has_suffix(pem, end) || strlen(pem) < sizeof begin + sizeof end)
        return FALSE;
    g_autofree char *base64 = g_strndup(pem + strlen(begin), strlen(pem) - strlen(begin) - strlen(end));
    g_autofree guchar *der = g_base64_decode(base64, &length);
    g_autofree char *plain = g_base64_encode(der, length);
    g_autoptr(GString) lines = g_string_new(begin);
    for (const char *at = plain; *at != '\0'; at += MIN(64, strlen(at)))
        g_string_append_printf(lines, "%.64s\n", at);
    g_string_append(lines, end);
    return strcmp(lines->str, pem) == 0;
}

static void
check_seal(const KlAuditVerify *options, const KlAuditTrust *trust, const KlAuditSealed *sealed, const char *enclosed,
           KlAuditReport *report)
{
    g_autofree char *own = options->checks->fingerprint(enclosed, NULL);
    char *doubt = kl_audit_sealed_doubt(sealed, trust->certificate, trust->fingerprint, options->checks);
    if (own == NULL || !is_plain_pem(enclosed))
        kl_audit_report_take(report, KL_AUDIT_ALTERED, g_strdup("certificate"), g_strdup("it is no certificate"));
    else if (g_strcmp0(own, trust->fingerprint) != 0)
        kl_audit_report_take(report, KL_AUDIT_SIGNATURE, g_strdup("certificate"),
                             g_strdup("it is not the certificate to be trusted"));
    report->certificate_sha256 = g_strdup(trust->fingerprint);
    report->anchored = trust->from_outside;
    report->through = doubt == NULL ? sealed->n : 0;
    if (doubt != NULL)
        kl_audit_report_take(report, KL_AUDIT_SIGNATURE, g_strdup_printf("checkpoint %" G_GINT64_FORMAT, sealed->n),
                             doubt);
}

static gboolean
check_given(const KlAuditVerify *options, const KlAuditSealed *sealed, KlAuditReport *report, GError **error)
{
    g_auto(KlAuditSealed) given = {0};
    gboolean is_given = FALSE;
    if (!kl_audit_sealed_given(&given, options, &is_given, error))
        return FALSE;
    if (!is_given || strcmp(given.body, sealed->body) == 0)
        return TRUE;
    if (given.n != sealed->n)
        return kl_fail(error, KL_ERROR_USAGE,
                       "the checkpoint over %" G_GINT64_FORMAT
                       " events says nothing about this proof, over %" G_GINT64_FORMAT,
                       given.n, sealed->n);
    kl_audit_report_take(report, KL_AUDIT_ALTERED, g_strdup("given checkpoint"),
                         g_strdup("the proof's is another one over as many events"));
    return TRUE;
}

static KlAuditReport *
check_proof(Proof *proof, const KlAuditVerify *options, GError **error)
{
    static const KlAuditSource calls = {next_event, next_hidden, NULL, look_for_identifier};
    g_autoptr(KlAuditReport) report = kl_audit_report_new("proof");
    g_auto(KlAuditSealed) sealed = {0};
    g_auto(KlAuditTrust) trust = {0};
    g_autofree char *enclosed = kl_audit_scan_text(proof->certificate);
    report->identifier = kl_audit_scan_text(proof->identifier);
    if (!kl_audit_trust_take(&trust, options, enclosed, error))
        return NULL;
    if (enclosed == NULL || report->identifier == NULL || !kl_audit_sealed_read_object(&sealed, proof->checkpoint)) {
        kl_audit_report_take(report, KL_AUDIT_ALTERED, g_strdup("proof"), g_strdup("it is no proof of this format"));
        return g_steal_pointer(&report);
    }
    report->journal = g_strdup(sealed.journal);
    report->station = g_strdup(sealed.station);
    proof->wanted = g_ascii_strdown(report->identifier, -1);
    check_seal(options, &trust, &sealed, enclosed, report);
    kl_audit_shown_check(&sealed, &calls, proof, NULL, report);
    if (!proof->found)
        kl_audit_report_take(report, KL_AUDIT_ALTERED, g_strdup("identifier"),
                             g_strdup("none of the events is about it"));
    return check_given(options, &sealed, report, error) ? g_steal_pointer(&report) : NULL;
}

KlAuditReport *
kl_audit_verify_proof(const char *path, const KlAuditVerify *options, GError **error)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    GStatBuf status;
    g_autoptr(GError) local = NULL;
    gboolean fits = g_stat(path, &status) == 0 && status.st_size <= PROOF_MAX;
    if (!fits || !g_file_get_contents(path, &text, &length, &local)) {
        kl_fail(error, KL_ERROR_AUDIT_UNREADABLE, "%s: %s", path, local != NULL ? local->message : "it is too long");
        return NULL;
    }
    if (length > 0 && text[length - 1] == '\n')
        length--;
    Proof proof = {0};
    KlAuditReport *report = NULL;
    if (kl_audit_scan_object(text, length) && read_proof(&proof, (KlAuditSpan){text, length})) {
        report = check_proof(&proof, options, error);
    } else {
        report = kl_audit_report_new("proof");
        kl_audit_report_take(report, KL_AUDIT_ALTERED, g_strdup("proof"), g_strdup("it is no proof of this format"));
    }
    g_free(proof.event);
    g_free(proof.wanted);
    return report;
}
