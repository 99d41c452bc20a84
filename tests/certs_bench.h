/* A CA made by the openssl command line, whose key stays in the clear beside it so that openssl can sign with it too;
 * and our own CA, checks and an accepted request over it. */
#pragma once

#include "certs/ca_internal.h"
#include "certs/issue.h"
#include "certs/pki.h"
#include "tests/certs_oracle.h"

typedef struct {
    OracleFolder *dir;
    KlCa *ca;
    KlPki *pki;
    KlProfile profile;
    KlUnit unit;
    KlCsr *csr;
    gint64 now;
} Bench;

#define CA_EXTENSIONS                                                                                                  \
    "-addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign "

/* Made once, because scrypt is slow on purpose; each test works on a copy of the structure. */
static Bench shared;

static inline void
shared_make(void)
{
    g_autoptr(GError) error = NULL;
    shared.dir = oracle_folder();
    shared.profile = oracle_profile();
    shared.unit = oracle_unit();
    ORACLE(shared.dir,
           "openssl ecparam -name prime256v1 -genkey -noout -out ca.key && chmod 600 ca.key &&"
           "openssl req -x509 -new -key ca.key -subj '/CN=Test CA' -days 4000 -config /dev/null " CA_EXTENSIONS
           "-addext subjectKeyIdentifier=hash -out ca.pem");
    g_autofree char *key = g_build_filename(shared.dir, "ca.key", NULL);
    g_autofree char *pem = g_build_filename(shared.dir, "ca.pem", NULL);
    g_autoptr(KlSecret) passphrase = oracle_secret("test");
    shared.now = g_get_real_time() / G_USEC_PER_SEC + 7200;
    kl_ca_import(shared.dir, key, pem, NULL, passphrase, shared.now, &error);
    g_assert_no_error(error);
    shared.ca = kl_ca_load(shared.dir, "file", passphrase, 30, shared.now, &error);
    g_assert_no_error(error);
    shared.pki = kl_pki_new(kl_ca_chain_pem(shared.ca), &error);
    g_assert_no_error(error);
    g_autoptr(GBytes) der = oracle_csr(shared.dir, shared.unit.device_id);
    shared.csr = shared.pki->klass->check_csr(shared.pki, der, &shared.profile, shared.unit.device_id, &error);
    g_assert_no_error(error);
}

static inline void
shared_free(void)
{
    kl_csr_free(shared.csr);
    shared.pki->klass->free(shared.pki);
    kl_ca_free(shared.ca);
    oracle_folder_remove(shared.dir);
}

static inline void
bench_open(Bench *bench, gconstpointer unused)
{
    *bench = shared;
}

static inline KlCertificate *
bench_issue(const Bench *bench)
{
    g_autoptr(GError) error = NULL;
    const KlIssueRequest request = {bench->csr, &bench->profile, &bench->unit, "job", bench->now};
    KlCertificate *certificate = kl_issue(bench->ca, &request, &error);
    g_assert_no_error(error);
    return certificate;
}

static inline gboolean
bench_verify(const Bench *bench, const KlCertificate *certificate, GError **error)
{
    return bench->pki->klass->verify_issued(bench->pki, certificate, bench->csr->spki_sha256, &bench->profile,
                                            &bench->unit, bench->now, error);
}
