/* The agent's reader of flat JSON objects. */
#include <glib.h>
#include <string.h>

#include "drivers/at_wp77/agent/json_flat.h"

static void
test_json(void)
{
    static const char *const good[] = {
        "{}",
        " {\t\r\n} ",
        "{\"a\":1}",
        "{\"a\":-0.5e+10,\"b\":[1,[2,{}],\"x\"],\"c\":{\"d\":null}}",
        "{\"\\u00e9\\ud83d\\ude00\":true}",
        "{\"\xc3\xa9\":false}",
        "{\"a\":[[[[[[[]]]]]]]}",
        "{\"a\":0e1}",
    };
    static const char *const bad[] = {
        "",
        "{",
        "}",
        "[]",
        "1",
        "{}{}",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":tru}",
        "{\"a\":True}",
        "{\"a\":[1,]}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc0\x80\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\xf4\x90\x80\x80\"}",
        "{\"a\":\"\xe2\x82\"}",
        "{\"a\":[[[[[[[[]]]]]]]]}",
        "{\"a\":1}\x01",
        "{\"a\" 1}",
        "{\"a\":NaN}",
        "{\"a\":\"",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_test_message("good %zu", i);
        g_assert_true(kl_json_is_object(good[i], strlen(good[i])));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("bad %zu", i); /* not all of it is UTF-8 */
        g_assert_false(kl_json_is_object(bad[i], strlen(bad[i])));
    }
    g_assert_false(kl_json_is_object("{}\0", 3));

    static const char text[] =
        "{\"a\":\"\\u0041\\ud83d\\ude00\\n\",\"n\":12 ,\"z\":\"\\u0000\",\"d\":1,\"d\":1,\"\\u0062\":\"x\"}";
    char out[8];
    gint64 number = 0;
    g_assert_true(kl_json_is_object(text, strlen(text)));
    g_assert_cmpint(kl_json_text(text, strlen(text), "a", out, sizeof out), ==, KL_JSON_FOUND);
    g_assert_cmpstr(out, ==, "A\xf0\x9f\x98\x80\n");
    g_assert_cmpint(kl_json_text(text, strlen(text), "a", out, 6), ==, KL_JSON_WRONG);
    g_assert_cmpint(kl_json_text(text, strlen(text), "z", out, sizeof out), ==, KL_JSON_WRONG);
    g_assert_cmpint(kl_json_text(text, strlen(text), "n", out, sizeof out), ==, KL_JSON_WRONG);
    g_assert_cmpint(kl_json_text(text, strlen(text), "b", out, sizeof out), ==, KL_JSON_FOUND);
    g_assert_cmpint(kl_json_text(text, strlen(text), "q", out, sizeof out), ==, KL_JSON_ABSENT);
    g_assert_cmpint(kl_json_number(text, strlen(text), "n", &number), ==, KL_JSON_FOUND);
    g_assert_cmpint(number, ==, 12);
    g_assert_cmpint(kl_json_number(text, strlen(text), "d", &number), ==, KL_JSON_WRONG);
    g_assert_cmpint(kl_json_number("{\"v\":9007199254740991}", 22, "v", &number), ==, KL_JSON_FOUND);
    g_assert_cmpint(number, ==, KL_JSON_NUMBER_MAX);
    g_assert_cmpint(kl_json_number("{\"v\":99999999999999999999}", 26, "v", &number), ==, KL_JSON_WRONG);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-json/json", test_json);
    return g_test_run();
}
