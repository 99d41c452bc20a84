#include "json_flat.h"

#include <string.h>

typedef struct {
    const char *at;
    const char *end;
} Reader;

/* A member's value, as it is written. */
typedef struct {
    const char *text;
    size_t len;
} Value;

static bool
at_byte(const Reader *reader, char byte)
{
    return reader->at < reader->end && *reader->at == byte;
}

static bool
take(Reader *reader, char byte)
{
    if (!at_byte(reader, byte))
        return false;
    reader->at++;
    return true;
}

static void
skip_space(Reader *reader)
{
    while (reader->at < reader->end && *reader->at != '\0' && strchr(" \t\r\n", *reader->at) != NULL)
        reader->at++;
}

static bool
take_word(Reader *reader, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0)
        return false;
    reader->at += len;
    return true;
}

static bool
take_digits(Reader *reader)
{
    const char *begin = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return reader->at > begin;
}

static bool
take_number(Reader *reader)
{
    take(reader, '-');
    if (!take(reader, '0') && !take_digits(reader))
        return false;
    if (take(reader, '.') && !take_digits(reader))
        return false;
    if (!take(reader, 'e') && !take(reader, 'E'))
        return true;
    if (!take(reader, '+'))
        take(reader, '-');
    return take_digits(reader);
}

/* The four digits of \uXXXX. */
static bool
take_hex4(Reader *reader, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        if (reader->at == reader->end || *reader->at == '\0')
            return false;
        char c = *reader->at >= 'A' && *reader->at <= 'F' ? (char)(*reader->at - 'A' + 'a') : *reader->at;
        const char *digit = strchr(digits, c);
        if (digit == NULL)
            return false;
        *code = *code << 4 | (uint32_t)(digit - digits);
        reader->at++;
    }
    return true;
}

/* What follows a backslash, as a code point: surrogates have to come in pairs. */
static bool
take_escape(Reader *reader, uint32_t *code)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    if (reader->at == reader->end || *reader->at == '\0')
        return false;
    const char *letter = strchr(letters, *reader->at);
    if (letter != NULL) {
        *code = (uint32_t)meanings[letter - letters];
        reader->at++;
        return true;
    }
    uint32_t low = 0;
    if (!take(reader, 'u') || !take_hex4(reader, code))
        return false;
    if (*code < 0xd800 || *code > 0xdfff)
        return true;
    if (*code > 0xdbff || !take_word(reader, "\\u") || !take_hex4(reader, &low) || low < 0xdc00 || low > 0xdfff)
        return false;
    *code = 0x10000 + ((*code - 0xd800) << 10 | (low - 0xdc00));
    return true;
}

/* One character of UTF-8 (RFC 3629): no overlong form, no surrogate, nothing beyond U+10FFFF. */
static bool
take_utf8(Reader *reader, uint32_t *code)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint8_t first = (uint8_t)*reader->at++;
    int more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first >= 0xf8 || (first >= 0x80 && first < 0xc0))
        return false;
    *code = more == 0 ? first : first & (0x3fu >> more);
    for (int i = 0; i < more; i++) {
        if (reader->at == reader->end || ((uint8_t)*reader->at & 0xc0) != 0x80)
            return false;
        *code = *code << 6 | ((uint8_t)*reader->at++ & 0x3f);
    }
    return *code >= least[more] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
}

static size_t
put_utf8(uint32_t code, char out[4])
{
    size_t more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t heads[] = {0, 0xc0, 0xe0, 0xf0};
    for (size_t i = more; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(heads[more] | code);
    return more + 1;
}

/* One character of a text, after its opening quote. */
static bool
take_character(Reader *reader, uint32_t *code)
{
    if (reader->at == reader->end || (uint8_t)*reader->at < 0x20)
        return false;
    return take(reader, '\\') ? take_escape(reader, code) : take_utf8(reader, code);
}

/* A whole text. out may be NULL; else it gets what the text means, if *len (its size before) is enough; *len is then
 * how long that is, in bytes. */
static bool
take_text(Reader *reader, char *out, size_t *len)
{
    size_t cap = out != NULL ? *len : 0;
    size_t n = 0;
    if (!take(reader, '"'))
        return false;
    while (!take(reader, '"')) {
        uint32_t code = 0;
        char bytes[4];
        if (!take_character(reader, &code))
            return false;
        size_t size = put_utf8(code, bytes);
        if (out != NULL && n + size <= cap)
            memcpy(out + n, bytes, size);
        n += size;
    }
    *len = n;
    return true;
}

static bool take_value(Reader *reader, int depth);

/* What is between the brackets of an object or an array. */
static bool
take_members(Reader *reader, char closing, int depth)
{
    skip_space(reader);
    if (take(reader, closing))
        return true;
    do {
        size_t len = 0;
        skip_space(reader);
        if (closing == '}') {
            if (!take_text(reader, NULL, &len))
                return false;
            skip_space(reader);
            if (!take(reader, ':'))
                return false;
        }
        if (!take_value(reader, depth))
            return false;
    } while (take(reader, ','));
    return take(reader, closing);
}

/* A value with the white space around it. */
static bool
take_value(Reader *reader, int depth)
{
    size_t len = 0;
    bool ok;
    skip_space(reader);
    bool nested = at_byte(reader, '{') || at_byte(reader, '[');
    if (nested && depth == 0)
        return false;
    if (take(reader, '{'))
        ok = take_members(reader, '}', depth - 1);
    else if (take(reader, '['))
        ok = take_members(reader, ']', depth - 1);
    else if (at_byte(reader, '"'))
        ok = take_text(reader, NULL, &len);
    else
        ok =
            take_word(reader, "true") || take_word(reader, "false") || take_word(reader, "null") || take_number(reader);
    skip_space(reader);
    return ok;
}

bool
kl_json_is_object(const char *text, size_t len)
{
    Reader reader = {text, text + len};
    skip_space(&reader);
    return at_byte(&reader, '{') && take_value(&reader, KL_JSON_DEPTH_MAX) && reader.at == reader.end;
}

/* The member of that name; the text is a valid object. */
static KlJsonMember
find(const char *text, size_t len, const char *name, Value *value)
{
    Reader reader = {text, text + len};
    KlJsonMember found = KL_JSON_ABSENT;
    size_t name_len = strlen(name);
    skip_space(&reader);
    take(&reader, '{');
    skip_space(&reader);
    if (at_byte(&reader, '}'))
        return KL_JSON_ABSENT;
    do {
        char key[64];
        size_t key_len = sizeof key;
        skip_space(&reader);
        take_text(&reader, key, &key_len);
        skip_space(&reader);
        take(&reader, ':');
        skip_space(&reader);
        const char *begin = reader.at;
        take_value(&reader, KL_JSON_DEPTH_MAX);
        if (key_len != name_len || key_len > sizeof key || memcmp(key, name, name_len) != 0)
            continue;
        if (found == KL_JSON_FOUND)
            return KL_JSON_WRONG;
        found = KL_JSON_FOUND;
        *value = (Value){begin, (size_t)(reader.at - begin)};
    } while (take(&reader, ','));
    return found;
}

KlJsonMember
kl_json_text(const char *text, size_t len, const char *name, char *out, size_t cap)
{
    Value value = {0};
    KlJsonMember found = find(text, len, name, &value);
    if (found != KL_JSON_FOUND)
        return found;
    Reader reader = {value.text, value.text + value.len};
    size_t size = cap;
    if (!take_text(&reader, out, &size) || size >= cap || memchr(out, '\0', size) != NULL)
        return KL_JSON_WRONG;
    out[size] = '\0';
    return KL_JSON_FOUND;
}

KlJsonMember
kl_json_number(const char *text, size_t len, const char *name, int64_t *number)
{
    Value value = {0};
    KlJsonMember found = find(text, len, name, &value);
    if (found != KL_JSON_FOUND)
        return found;
    int64_t sum = 0;
    size_t digits = 0;
    while (digits < value.len && value.text[digits] >= '0' && value.text[digits] <= '9') {
        if (sum > KL_JSON_NUMBER_MAX / 10)
            return KL_JSON_WRONG;
        sum = sum * 10 + (value.text[digits++] - '0');
    }
    for (size_t i = digits; i < value.len; i++)
        if (value.text[i] == '\0' || strchr(" \t\r\n", value.text[i]) == NULL)
            return KL_JSON_WRONG;
    if (digits == 0 || sum > KL_JSON_NUMBER_MAX)
        return KL_JSON_WRONG;
    *number = sum;
    return KL_JSON_FOUND;
}
