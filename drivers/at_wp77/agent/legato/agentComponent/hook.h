/* The software hook: a program of the product's that makes a software the one that runs. It is called as
 * "HOOK apply VERSION FILE" or "HOOK revert", and has to do that atomically, and to bear doing it twice. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FALSE without a hook, or when it does not end with 0. They wait for it. */
bool kl_hook_apply(int64_t version, const uint8_t *bytes, size_t len);
bool kl_hook_revert(void);
