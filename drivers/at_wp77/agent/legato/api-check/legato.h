/* Declarations of the few things of Legato's own legato.h that the agent uses, written from its documentation, so that
 * the agent can be compiled where no Legato is. mkapp uses the real header; this one is never linked with anything. */
#pragma once

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Result codes: the ones that matter to the agent, with their documented values. */
typedef enum {
    LE_OK = 0,
    LE_NOT_FOUND = -1,
    LE_OUT_OF_RANGE = -3,
    LE_NO_MEMORY = -4,
    LE_FAULT = -6,
    LE_OVERFLOW = -9,
    LE_DUPLICATE = -14,
    LE_BAD_PARAMETER = -15,
    LE_UNSUPPORTED = -18,
    LE_UNAVAILABLE = -21,
} le_result_t;

const char *le_result_GetString(le_result_t result);
#define LE_RESULT_TXT(result) le_result_GetString(result)

void kl_legato_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
void kl_legato_fatal(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
#define LE_INFO(...) kl_legato_log(__VA_ARGS__)
#define LE_WARN(...) kl_legato_log(__VA_ARGS__)
#define LE_ERROR(...) kl_legato_log(__VA_ARGS__)
#define LE_FATAL(...) kl_legato_fatal(__VA_ARGS__)

/* The function that Legato calls when the component starts. */
void kl_legato_component_init(void);
#define COMPONENT_INIT void kl_legato_component_init(void)

/* Cryptographic random numbers. */
void le_rand_GetBuffer(uint8_t *bufPtr, size_t bufSize);
