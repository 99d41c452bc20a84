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
#include <time.h>
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

/* le_clk: the time since the start, which never goes back, and the time of day. */
typedef struct {
    time_t sec;
    long usec;
} le_clk_Time_t;
le_clk_Time_t le_clk_GetRelativeTime(void);
le_clk_Time_t le_clk_GetAbsoluteTime(void);

/* le_timer: one shot, unless told otherwise. */
typedef struct le_timer *le_timer_Ref_t;
typedef void (*le_timer_ExpiryHandler_t)(le_timer_Ref_t timerRef);
le_timer_Ref_t le_timer_Create(const char *nameStr);
le_result_t le_timer_SetHandler(le_timer_Ref_t timerRef, le_timer_ExpiryHandler_t handlerFunc);
le_result_t le_timer_SetMsInterval(le_timer_Ref_t timerRef, uint32_t interval);
le_result_t le_timer_Start(le_timer_Ref_t timerRef);
le_result_t le_timer_Stop(le_timer_Ref_t timerRef);
void le_timer_Restart(le_timer_Ref_t timerRef);

/* le_fdMonitor: tells of a descriptor's events as poll() does; errors and hang-ups are always told. */
typedef struct le_fdMonitor *le_fdMonitor_Ref_t;
typedef void (*le_fdMonitor_HandlerFunc_t)(int fd, short events);
le_fdMonitor_Ref_t le_fdMonitor_Create(const char *name, int fd, le_fdMonitor_HandlerFunc_t handlerFunc, short events);
void le_fdMonitor_Enable(le_fdMonitor_Ref_t monitorRef, short events);
void le_fdMonitor_Disable(le_fdMonitor_Ref_t monitorRef, short events);
void le_fdMonitor_Delete(le_fdMonitor_Ref_t monitorRef);
