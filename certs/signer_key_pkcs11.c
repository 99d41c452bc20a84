/* The way in for a key that can't be read is EC_KEY_METHOD: deprecated in OpenSSL 3, whose successor (a provider)
 * would be a program of its own. It stays inside this file. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "certs/signer_key_pkcs11.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>
#include <pthread.h>
#include <string.h>

#include "certs/openssl_error.h"

/* Of P-384; P-256 has 32. */
#define MAX_ORDER_SIZE 48
#define MAX_SLOTS 256
#define MAX_ATTRIBUTES 8

/* A token with an open, logged-in session. */
typedef struct {
    CK_FUNCTION_LIST **modules; /* all that p11-kit knows, or NULL: */
    CK_FUNCTION_LIST *single;   /* the one of module-path, or NULL */
    CK_FUNCTION_LIST *module;   /* the one that holds the token; borrowed */
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    gboolean login_required;
    gsize order_size;     /* octets of r and of s */
    pthread_mutex_t lock; /* a session signs one thing at a time */
} Token;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EC_KEY, EC_KEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11KitUri, p11_kit_uri_free)

static void
token_free(Token *token)
{
    if (token == NULL)
        return;
    if (token->session != CK_INVALID_HANDLE)
        token->module->C_CloseSession(token->session);
    if (token->modules != NULL)
        p11_kit_modules_finalize_and_release(token->modules);
    if (token->single != NULL) {
        p11_kit_module_finalize(token->single);
        p11_kit_module_release(token->single);
    }
    pthread_mutex_destroy(&token->lock);
    g_free(token);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Token, token_free)

static gboolean
fail_token(GError **error, const char *call, CK_RV result)
{
    return kl_fail(error, KL_ERROR_TOKEN_FAILED, "%s: %s (0x%lx)", call, p11_kit_strerror(result), result);
}

static P11KitUri *
parse_uri(const char *text, GError **error)
{
    g_autoptr(P11KitUri) uri = p11_kit_uri_new();
    int result = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri);
    if (result != P11_KIT_URI_OK)
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "the key's URI: %s", p11_kit_uri_message(result));
    else if (p11_kit_uri_any_unrecognized(uri))
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "the key's URI has an attribute that is not known");
    else if (p11_kit_uri_get_pin_value(uri) != NULL)
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "the key's URI holds a PIN: use pin-source, or enter the PIN");
    else
        return g_steal_pointer(&uri);
    return NULL;
}

static gboolean
load_modules(Token *token, const P11KitUri *uri, GError **error)
{
    const char *path = p11_kit_uri_get_module_path(uri);
    if (path == NULL) {
        token->modules = p11_kit_modules_load_and_initialize(0);
        return token->modules != NULL || kl_fail(error, KL_ERROR_TOKEN_FAILED, "p11-kit's modules can't be loaded");
    }
    CK_FUNCTION_LIST *module = p11_kit_module_load(path, 0);
    if (module == NULL)
        return kl_fail(error, KL_ERROR_TOKEN_FAILED, "%s can't be loaded: %s", path, p11_kit_message());
    CK_RV result = p11_kit_module_initialize(module);
    if (result != CKR_OK) {
        p11_kit_module_release(module);
        return fail_token(error, "C_Initialize", result);
    }
    token->single = module;
    return TRUE;
}

static gboolean
slot_matches(CK_FUNCTION_LIST *module, CK_SLOT_ID slot, P11KitUri *uri, gboolean *login_required)
{
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO token_info;
    CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri);
    if ((wanted != (CK_SLOT_ID)-1 && wanted != slot) || module->C_GetSlotInfo(slot, &slot_info) != CKR_OK ||
        module->C_GetTokenInfo(slot, &token_info) != CKR_OK || !p11_kit_uri_match_slot_info(uri, &slot_info) ||
        !p11_kit_uri_match_token_info(uri, &token_info))
        return FALSE;
    *login_required = (token_info.flags & CKF_LOGIN_REQUIRED) != 0;
    return (token_info.flags & CKF_TOKEN_INITIALIZED) != 0;
}

/* Looks at one module's tokens; counts those that match, and keeps the last. */
static void
match_module(Token *token, CK_FUNCTION_LIST *module, P11KitUri *uri, guint *matches)
{
    CK_INFO info;
    CK_SLOT_ID slots[MAX_SLOTS];
    CK_ULONG count = MAX_SLOTS;
    if (module->C_GetInfo(&info) != CKR_OK || !p11_kit_uri_match_module_info(uri, &info) ||
        module->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
        return;
    for (CK_ULONG i = 0; i < count; i++) {
        gboolean login_required = FALSE;
        if (!slot_matches(module, slots[i], uri, &login_required))
            continue;
        token->module = module;
        token->slot = slots[i];
        token->login_required = login_required;
        ++*matches;
    }
}

static gboolean
find_token(Token *token, P11KitUri *uri, GError **error)
{
    const char *name = p11_kit_uri_get_module_name(uri);
    guint matches = 0;
    if (token->single != NULL)
        match_module(token, token->single, uri, &matches);
    for (CK_FUNCTION_LIST **module = token->modules; module != NULL && *module != NULL; module++) {
        g_autofree char *this_name = NULL;
        char *raw = p11_kit_module_get_name(*module);
        this_name = g_strdup(raw);
        free(raw);
        if (name == NULL || g_strcmp0(name, this_name) == 0)
            match_module(token, *module, uri, &matches);
    }
    if (matches != 1)
        return kl_fail(error, KL_ERROR_TOKEN_FAILED, "the key's URI matches %u tokens, not one", matches);
    return TRUE;
}

/* The PIN: given, or from the URI's pin-source ("file:/path" or "/path"). NULL without an error: there is none. */
static KlSecret *
read_pin_source(const P11KitUri *uri, GError **error)
{
    const char *source = p11_kit_uri_get_pin_source(uri);
    if (source == NULL)
        return NULL;
    const char *path = g_str_has_prefix(source, "file:") ? source + strlen("file:") : source;
    if (g_str_has_prefix(path, "///"))
        path += 2;
    return kl_secret_from_file(path, error);
}

static gboolean
log_in(Token *token, const P11KitUri *uri, const KlSecret *given, GError **error)
{
    if (!token->login_required)
        return TRUE;
    g_autoptr(GError) failure = NULL;
    g_autoptr(KlSecret) stored = given == NULL ? read_pin_source(uri, &failure) : NULL;
    const KlSecret *pin = given != NULL ? given : stored;
    if (pin == NULL) {
        if (failure == NULL)
            return kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "the token needs a PIN");
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    CK_RV result =
        token->module->C_Login(token->session, CKU_USER, (CK_UTF8CHAR_PTR)kl_secret_peek(pin), kl_secret_length(pin));
    if (result == CKR_OK || result == CKR_USER_ALREADY_LOGGED_IN)
        return TRUE;
    if (result == CKR_PIN_INCORRECT || result == CKR_PIN_INVALID || result == CKR_PIN_LEN_RANGE)
        return kl_fail(error, KL_ERROR_PASSPHRASE_WRONG, "C_Login: %s", p11_kit_strerror(result));
    return fail_token(error, "C_Login", result);
}

/* The one EC private key that the URI names. */
static gboolean
find_key(Token *token, P11KitUri *uri, GError **error)
{
    CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
    CK_KEY_TYPE ec = CKK_EC;
    CK_ATTRIBUTE wanted[MAX_ATTRIBUTES] = {
        {CKA_CLASS, &private_key, sizeof private_key},
        {CKA_KEY_TYPE, &ec, sizeof ec},
    };
    CK_ULONG count = 2;
    CK_ATTRIBUTE *id = p11_kit_uri_get_attribute(uri, CKA_ID);
    CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(uri, CKA_LABEL);
    if (id != NULL)
        wanted[count++] = *id;
    if (label != NULL)
        wanted[count++] = *label;

    CK_OBJECT_HANDLE found[2];
    CK_ULONG matches = 0;
    CK_RV result = token->module->C_FindObjectsInit(token->session, wanted, count);
    if (result != CKR_OK)
        return fail_token(error, "C_FindObjectsInit", result);
    result = token->module->C_FindObjects(token->session, found, G_N_ELEMENTS(found), &matches);
    token->module->C_FindObjectsFinal(token->session);
    if (result != CKR_OK)
        return fail_token(error, "C_FindObjects", result);
    if (matches != 1)
        return kl_fail(error, KL_ERROR_TOKEN_FAILED, "the token holds %s EC private key of that name",
                       matches == 0 ? "no" : "more than one");
    token->key = found[0];
    return TRUE;
}

static gboolean
check_usable(const Token *token, GError **error)
{
    CK_BBOOL each_time = CK_FALSE;
    CK_ATTRIBUTE attribute = {CKA_ALWAYS_AUTHENTICATE, &each_time, sizeof each_time};
    CK_RV result = token->module->C_GetAttributeValue(token->session, token->key, &attribute, 1);
    if (result == CKR_OK && each_time == CK_TRUE)
        return kl_fail(error, KL_ERROR_TOKEN_FAILED, "the token wants its PIN before each signature");
    return TRUE;
}

static Token *
token_open(const char *uri_text, const KlSecret *pin, GError **error)
{
    g_autoptr(P11KitUri) uri = parse_uri(uri_text, error);
    if (uri == NULL)
        return NULL;
    g_autoptr(Token) token = g_new0(Token, 1);
    pthread_mutex_init(&token->lock, NULL);
    token->session = CK_INVALID_HANDLE;
    if (!load_modules(token, uri, error) || !find_token(token, uri, error))
        return NULL;
    CK_RV result = token->module->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL, &token->session);
    if (result != CKR_OK) {
        token->session = CK_INVALID_HANDLE;
        fail_token(error, "C_OpenSession", result);
        return NULL;
    }
    if (!log_in(token, uri, pin, error) || !find_key(token, uri, error) || !check_usable(token, error))
        return NULL;
    return g_steal_pointer(&token);
}

/* --- the EVP_PKEY --- */

static EC_KEY_METHOD *method;
static int token_index;

static CK_RV
token_sign(Token *token, const guint8 *digest, gsize digest_size, guint8 *signature, CK_ULONG *signature_size)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    pthread_mutex_lock(&token->lock);
    CK_RV result = token->module->C_SignInit(token->session, &mechanism, token->key);
    if (result == CKR_OK)
        result = token->module->C_Sign(token->session, (CK_BYTE_PTR)digest, digest_size, signature, signature_size);
    pthread_mutex_unlock(&token->lock);
    return result;
}

/* EC_KEY_METHOD's sign_sig. PKCS#11's CKM_ECDSA takes the digest and gives r || s, both as long as the group's order.
 */
static ECDSA_SIG *
sign_on_token(const unsigned char *digest, int digest_size, const BIGNUM *kinv, const BIGNUM *rp, EC_KEY *ec)
{
    Token *token = EC_KEY_get_ex_data(ec, token_index);
    guint8 raw[2 * MAX_ORDER_SIZE];
    CK_ULONG raw_size = sizeof raw;
    /* A module may use this very libcrypto: what it leaves in the error queue is not about this signature. */
    ERR_set_mark();
    CK_RV result = token_sign(token, digest, MIN((gsize)digest_size, token->order_size), raw, &raw_size);
    ERR_pop_to_mark();
    if (result != CKR_OK) {
        ERR_raise_data(ERR_LIB_EC, ERR_R_OPERATION_FAIL, "C_Sign: %s", p11_kit_strerror(result));
        return NULL;
    }
    if (raw_size != 2 * token->order_size) {
        ERR_raise_data(ERR_LIB_EC, ERR_R_OPERATION_FAIL, "C_Sign: a signature of %lu bytes", raw_size);
        return NULL;
    }
    g_autoptr(ECDSA_SIG) signature = ECDSA_SIG_new();
    g_autoptr(BIGNUM) r = BN_bin2bn(raw, (int)token->order_size, NULL);
    g_autoptr(BIGNUM) s = BN_bin2bn(raw + token->order_size, (int)token->order_size, NULL);
    if (signature == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(signature, r, s) != 1)
        return NULL;
    r = NULL;
    s = NULL;
    return g_steal_pointer(&signature);
}

/* Called when the last reference to a key goes. */
static void
free_token_of_key(void *parent, void *token, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
    token_free(token);
}

static void
make_method(void)
{
    int (*sign)(int, const unsigned char *, int, unsigned char *, unsigned int *, const BIGNUM *, const BIGNUM *,
                EC_KEY *) = NULL;
    int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **) = NULL;
    method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    token_index = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, free_token_of_key);
    g_assert(method != NULL && token_index >= 0);
    EC_KEY_METHOD_get_sign(method, &sign, &setup, NULL);
    EC_KEY_METHOD_set_sign(method, sign, setup, sign_on_token);
}

/* An EC_KEY of that public key whose signatures are to come from a token. */
static EC_KEY *
make_ec_key(EVP_PKEY *public_key, GError **error)
{
    char group[64];
    guint8 point[1 + 2 * MAX_ORDER_SIZE];
    size_t point_size = 0;
    if (EVP_PKEY_get_base_id(public_key) != EVP_PKEY_EC ||
        EVP_PKEY_get_utf8_string_param(public_key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) != 1 ||
        EVP_PKEY_get_octet_string_param(public_key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point,
                                        &point_size) != 1) {
        kl_openssl_fail(error, KL_ERROR_CA_UNSUITABLE, "a token's key has to be on P-256 or P-384");
        return NULL;
    }
    g_autoptr(EC_KEY) ec = EC_KEY_new_by_curve_name(OBJ_txt2nid(group));
    if (ec == NULL || EC_KEY_oct2key(ec, point, point_size, NULL) != 1 || EC_KEY_set_method(ec, method) != 1) {
        kl_openssl_fail(error, KL_ERROR_INTERNAL, "token's key can't be set up");
        return NULL;
    }
    return g_steal_pointer(&ec);
}

/* Hands the token over to the key. */
static gboolean
attach(EC_KEY *ec, Token *token, GError **error)
{
    token->order_size = (gsize)(EC_GROUP_order_bits(EC_KEY_get0_group(ec)) + 7) / 8;
    if (EC_KEY_set_ex_data(ec, token_index, token) == 1)
        return TRUE;
    token_free(token);
    return kl_openssl_fail(error, KL_ERROR_INTERNAL, "token's key can't be set up");
}

/* Does what the token signs verify with the CA certificate's key? */
static gboolean
probe(EVP_PKEY *key, EVP_PKEY *public_key, GError **error)
{
    static const guint8 digest[MAX_ORDER_SIZE] = "keyline probe";
    guint8 signature[256];
    size_t size = sizeof signature;
    g_autoptr(EVP_PKEY_CTX) signing = EVP_PKEY_CTX_new(key, NULL);
    g_autoptr(EVP_PKEY_CTX) verifying = EVP_PKEY_CTX_new(public_key, NULL);
    if (signing == NULL || EVP_PKEY_sign_init(signing) != 1 ||
        EVP_PKEY_sign(signing, signature, &size, digest, 32) != 1)
        return kl_openssl_fail(error, KL_ERROR_TOKEN_FAILED, "the token can't sign with its key");
    if (verifying == NULL || EVP_PKEY_verify_init(verifying) != 1 ||
        EVP_PKEY_verify(verifying, signature, size, digest, 32) != 1)
        return kl_openssl_fail(error, KL_ERROR_CA_KEY_MISMATCH, "the token's key is not the CA certificate's");
    return TRUE;
}

EVP_PKEY *
kl_pkcs11_key_load(const char *uri, const KlSecret *pin, EVP_PKEY *public_key, GError **error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    g_autoptr(EC_KEY) ec = make_ec_key(public_key, error);
    Token *token = ec != NULL ? token_open(uri, pin, error) : NULL;
    ERR_clear_error(); /* of what the module did in this libcrypto */
    if (token == NULL || !attach(ec, token, error))
        return NULL;
    g_autoptr(EVP_PKEY) key = EVP_PKEY_new();
    if (key == NULL || EVP_PKEY_set1_EC_KEY(key, ec) != 1) {
        kl_openssl_fail(error, KL_ERROR_INTERNAL, "token's key can't be set up");
        return NULL;
    }
    return probe(key, public_key, error) ? g_steal_pointer(&key) : NULL;
}
