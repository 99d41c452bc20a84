#include "station/net/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define DIGEST_SIZE 32

static void
to_hex(const guint8 digest[DIGEST_SIZE], char hex[KL_SHA256_HEX])
{
    for (guint i = 0; i < DIGEST_SIZE; i++)
        g_snprintf(hex + (gsize)2 * i, 3, "%02x", digest[i]);
}

static void
sha256_hex(const void *bytes, gsize length, char hex[KL_SHA256_HEX])
{
    guint8 digest[DIGEST_SIZE];
    if (EVP_Digest(length > 0 ? bytes : "", length, digest, NULL, EVP_sha256(), NULL) != 1)
        g_error("libcrypto has no SHA-256");
    to_hex(digest, hex);
}

/* The path without dot segments and empty segments, encoded once more; S3 wants it as it is. */
static char *
canonical_path(const char *path, gboolean as_is)
{
    if (as_is)
        return g_strdup(path);
    g_auto(GStrv) segments = g_strsplit(path, "/", -1);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    for (guint i = 0; segments[i] != NULL; i++) {
        if (*segments[i] == '\0' || strcmp(segments[i], ".") == 0)
            continue;
        if (strcmp(segments[i], "..") != 0)
            g_ptr_array_add(kept, segments[i]);
        else if (kept->len > 0)
            g_ptr_array_set_size(kept, (int)kept->len - 1);
    }
    gboolean folder = kept->len > 0 && g_str_has_suffix(path, "/");
    g_ptr_array_add(kept, NULL);
    g_autofree char *joined = g_strjoinv("/", (char **)kept->pdata);
    g_autofree char *whole = g_strconcat("/", joined, folder ? "/" : NULL, NULL);
    return kl_uri_encode(whole, TRUE);
}

/* A header as it is signed: its lower-case name and its place in the request, by which equal names keep their order. */
typedef struct {
    char *name;
    const char *value;
    guint place;
} Header;

static void
header_clear(gpointer data)
{
    g_free(((Header *)data)->name);
}

static void
add_header(GArray *headers, const char *name, const char *value)
{
    Header header = {g_ascii_strdown(name, -1), value, headers->len};
    g_array_append_val(headers, header);
}

static int
compare_headers(gconstpointer a, gconstpointer b)
{
    const Header *one = a;
    const Header *two = b;
    int order = strcmp(one->name, two->name);
    return order != 0 ? order : (int)one->place - (int)two->place;
}

/* Every header that is signed, sorted. */
static GArray *
collect_headers(const KlSigv4Request *request, const KlSigv4Key *key, const KlSigv4Signature *signature)
{
    GArray *headers = g_array_new(FALSE, FALSE, sizeof(Header));
    g_array_set_clear_func(headers, header_clear);
    add_header(headers, "host", request->host);
    add_header(headers, "x-amz-date", signature->amz_date);
    if (strcmp(key->service, "s3") == 0)
        add_header(headers, "x-amz-content-sha256", signature->content_sha256);
    if (key->session_token != NULL)
        add_header(headers, "x-amz-security-token", kl_secret_peek(key->session_token));
    for (const KlPair *pair = request->headers; pair != NULL && pair->name != NULL; pair++) {
        if (g_ascii_strcasecmp(pair->name, "user-agent") != 0 && g_ascii_strcasecmp(pair->name, "expect") != 0)
            add_header(headers, pair->name, pair->value);
    }
    g_array_sort(headers, compare_headers);
    return headers;
}

/* Appends a value without the blanks around it, and with one blank for every run of them inside. */
static void
append_trimmed(GString *out, const char *value)
{
    gboolean blank = FALSE;
    gboolean begun = FALSE;
    for (; *value != '\0'; value++) {
        if (g_ascii_isspace(*value)) {
            blank = begun;
            continue;
        }
        if (blank)
            g_string_append_c(out, ' ');
        g_string_append_c(out, *value);
        blank = FALSE;
        begun = TRUE;
    }
}

/* "name:value\n" for each header, and all their names as "a;b;c". */
static void
append_headers(GString *canonical, GString *names, const GArray *headers)
{
    for (guint i = 0; i < headers->len; i++) {
        const Header *header = &g_array_index(headers, Header, i);
        gboolean again = i > 0 && strcmp(header->name, g_array_index(headers, Header, i - 1).name) == 0;
        if (again) {
            g_string_append_c(canonical, ',');
        } else {
            g_string_append_printf(canonical, "%s%s:", i > 0 ? "\n" : "", header->name);
            g_string_append_printf(names, "%s%s", i > 0 ? ";" : "", header->name);
        }
        append_trimmed(canonical, header->value);
    }
    g_string_append_c(canonical, '\n');
}

/* The hash of the canonical request. It holds the session token, so its text is wiped. */
static void
hash_request(const KlSigv4Request *request, const KlSigv4Key *key, const KlSigv4Signature *signature, GString *names,
             char hex[KL_SHA256_HEX])
{
    g_autofree char *path = canonical_path(request->path, strcmp(key->service, "s3") == 0);
    g_autoptr(GArray) headers = collect_headers(request, key, signature);
    gsize size = 1024 + strlen(path) + strlen(request->query);
    for (guint i = 0; i < headers->len; i++)
        size +=
            strlen(g_array_index(headers, Header, i).name) * 2 + strlen(g_array_index(headers, Header, i).value) + 4;
    GString *text = g_string_sized_new(size); /* never grows: nothing of the token is left behind in freed memory */
    g_string_append_printf(text, "%s\n%s\n%s\n", request->method, path, request->query);
    append_headers(text, names, headers);
    g_string_append_printf(text, "\n%s\n%s", names->str, signature->content_sha256);
    sha256_hex(text->str, text->len, hex);
    OPENSSL_cleanse(text->str, text->allocated_len);
    g_string_free(text, TRUE);
}

static void
hmac(guint8 key[DIGEST_SIZE], const char *text)
{
    guint8 out[DIGEST_SIZE];
    if (HMAC(EVP_sha256(), key, DIGEST_SIZE, (const guint8 *)text, strlen(text), out, NULL) == NULL)
        g_error("libcrypto has no HMAC with SHA-256");
    memcpy(key, out, DIGEST_SIZE);
    OPENSSL_cleanse(out, sizeof out);
}

/* The signing key of a day, region and service; then the signature of text with it. */
static void
sign(const KlSigv4Key *key, const char *day, const char *text, char hex[KL_SHA256_HEX])
{
    gsize length = 4 + kl_secret_length(key->secret_key);
    char *first = OPENSSL_secure_malloc(length + 1);
    if (first == NULL) /* the secure heap is full */
        first = OPENSSL_malloc(length + 1);
    if (first == NULL)
        g_error("out of memory");
    g_snprintf(first, length + 1, "AWS4%s", kl_secret_peek(key->secret_key));
    guint8 derived[DIGEST_SIZE];
    if (HMAC(EVP_sha256(), first, (int)length, (const guint8 *)day, strlen(day), derived, NULL) == NULL)
        g_error("libcrypto has no HMAC with SHA-256");
    OPENSSL_secure_clear_free(first, length + 1);
    hmac(derived, key->region);
    hmac(derived, key->service);
    hmac(derived, "aws4_request");
    hmac(derived, text);
    to_hex(derived, hex);
    OPENSSL_cleanse(derived, sizeof derived);
}

void
kl_sigv4_sign(const KlSigv4Request *request, const KlSigv4Key *key, gint64 time, KlSigv4Signature *signature)
{
    memset(signature, 0, sizeof *signature);
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(time);
    g_autofree char *date = g_date_time_format(when, "%Y%m%dT%H%M%SZ");
    g_strlcpy(signature->amz_date, date, sizeof signature->amz_date);
    sha256_hex(request->body, request->body_length, signature->content_sha256);

    g_autoptr(GString) names = g_string_new(NULL);
    char request_hash[KL_SHA256_HEX];
    hash_request(request, key, signature, names, request_hash);

    g_autofree char *day = g_strndup(date, 8);
    g_autofree char *scope = g_strdup_printf("%s/%s/%s/aws4_request", day, key->region, key->service);
    g_autofree char *text = g_strdup_printf(ALGORITHM "\n%s\n%s\n%s", date, scope, request_hash);
    char hex[KL_SHA256_HEX];
    sign(key, day, text, hex);
    signature->authorization = g_strdup_printf(ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                                               key->access_key_id, scope, names->str, hex);
}

void
kl_sigv4_signature_clear(KlSigv4Signature *signature)
{
    g_clear_pointer(&signature->authorization, g_free);
}
