/* What the tests of certificates in first boot share: a CA that signs, can fail and counts, and an engine with it. */
#pragma once

#include "certs/ca.h"
#include "certs/pki.h"
#include "certs/signer_local.h"
#include "tests/activation_rig.h"
#include "tests/certs_oracle.h"

/* The station's own signer behind one that can fail, and counts. */
typedef struct {
    KlSigner base;
    KlSigner *real;
    KlErrorCode fail; /* instead of issuing */
    gboolean lose;    /* the answer, after issuing */
    KlCertificate *lost;
    guint issued, lookups;
    void (*during)(gpointer data); /* called once, while it issues */
    gpointer data;
} TestSigner;

static inline KlCertificate *
signer_issue(KlSigner *signer, const KlIssueRequest *request, KlOp *op, GError **error)
{
    TestSigner *self = (TestSigner *)signer;
    if (self->fail != 0) {
        kl_fail(error, self->fail, "as told");
        return NULL;
    }
    KlCertificate *certificate = self->real->klass->issue(self->real, request, op, error);
    g_atomic_int_inc(&self->issued);
    void (*during)(gpointer data) = g_steal_pointer(&self->during);
    if (during != NULL)
        during(self->data);
    if (!self->lose)
        return certificate;
    self->lost = certificate;
    kl_fail(error, KL_ERROR_CLOUD_IN_DOUBT, "as told");
    return NULL;
}

static inline gboolean
signer_lookup(KlSigner *signer, const KlIssueRequest *request, KlCertificate **found, KlOp *op, GError **error)
{
    TestSigner *self = (TestSigner *)signer;
    self->lookups++;
    g_assert_cmpint(request->since, >, 1600000000);
    *found = g_steal_pointer(&self->lost);
    return TRUE;
}

static const KlSignerClass signer_class = {.id = "test", .issue = signer_issue, .lookup = signer_lookup};

typedef struct {
    char *dir;
    KlCa *ca;
    KlPki *pki;
    KlProfile profile;
    TestSigner signer;
    KlActivationTable *table;
    KlActivationParts parts;
    KlActivationEngine *engine;
} Csr;

static inline void
csr_set_up(Csr *csr, const char *path, KlActivationRules rules)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSecret) passphrase = oracle_secret("secret enough");
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    *csr = (Csr){.dir = oracle_folder(), .profile = oracle_profile()};
    kl_ca_init(csr->dir, "Field CA", 9000, passphrase, now, &error);
    g_assert_no_error(error);
    csr->ca = kl_ca_load(csr->dir, "file", passphrase, 30, now, &error);
    g_assert_no_error(error);
    csr->pki = kl_pki_new(kl_ca_chain_pem(csr->ca), &error);
    csr->signer = (TestSigner){.base = {&signer_class, 0}, .real = kl_signer_local_new(csr->ca)};
    pass_units(path, 1);
    csr->table = open_table(path);
    csr->parts = (KlActivationParts){
        .rules = rules, .table = csr->table, .signer = &csr->signer.base, .pki = csr->pki, .profile = &csr->profile};
    csr->engine = make_engine(&csr->parts);
}

static inline void
csr_tear_down(Csr *csr)
{
    kl_activation_engine_free(csr->engine);
    kl_activation_table_free(csr->table);
    csr->signer.real->klass->free(csr->signer.real);
    g_clear_pointer(&csr->signer.lost, kl_certificate_free);
    csr->pki->klass->free(csr->pki);
    kl_ca_free(csr->ca);
    oracle_folder_remove(csr->dir);
}
