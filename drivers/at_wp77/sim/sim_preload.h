/* What the preload library and the rigged bus say to each other: one request and one reply on a connection of their
 * own, over an abstract Unix socket (SOCK_SEQPACKET), whose name is one of the network namespace. */
#pragma once

#include <stdint.h>

#define KL_SIM_PRELOAD_SOCKET "keyline-sim-bus"
#define KL_SIM_PRELOAD_DATA_MAX 4096
#define KL_SIM_USB_SETUP 8
/* The sticky bit on a tty says that its control lines can't be set: qcserial's interface 0. */
#define KL_SIM_PRELOAD_NO_LINES S_ISVTX

/* A control transfer. */
typedef struct {
    uint8_t bus;
    uint8_t number;
    uint8_t setup[KL_SIM_USB_SETUP]; /* as on the wire (USB 2.0, 9.3) */
    uint8_t data[KL_SIM_PRELOAD_DATA_MAX];
} KlSimPreloadRequest;

typedef struct {
    int32_t status; /* 0, ENODEV (no such device) or EPIPE (stalled) */
    int32_t length; /* bytes that were transferred */
    uint8_t data[KL_SIM_PRELOAD_DATA_MAX];
} KlSimPreloadReply;
