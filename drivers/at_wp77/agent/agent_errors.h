/* The agent's error numbers, once: they travel as "+CME ERROR: <number>". Shared by the agent and the station's driver.
 * Numbers from 512 up are an application's own (le_atServer_CreateErrorCode refuses lower ones). A number never changes
 * its meaning; PROTOCOL.md says what each one means and what the station does about it. */
#pragma once

/* X(name, number, "what the agent means by it") */
#define KL_AGENT_ERRORS(X)                                                                                             \
    X(SYNTAX, 512, "the command is not of this form")                                                                  \
    X(TOO_LONG, 513, "the command or a parameter is too long")                                                         \
    X(PARAMETER, 514, "a parameter has a wrong value")                                                                 \
    X(ITEM, 515, "no item has that name")                                                                              \
    X(SLOT, 516, "not a valid slot name")                                                                              \
    X(NO_KEY, 517, "the slot has no key")                                                                              \
    X(ORDER, 518, "the piece does not continue what is staged")                                                        \
    X(SLOT_USED, 519, "the slot already has a key")                                                                    \
    X(TOO_BIG, 520, "the item would be too big")                                                                       \
    X(LENGTH, 521, "what is staged has another length")                                                                \
    X(HASH, 522, "what is staged has another hash")                                                                    \
    X(LOCKED, 523, "the slot is locked")                                                                               \
    X(STORE, 524, "the unit's store failed")                                                                           \
    X(STORE_FULL, 525, "the unit's store has no room for it")                                                          \
    X(KEYSTORE, 526, "the unit's keystore failed")                                                                     \
    X(CRYPTO, 527, "random numbers or cryptography failed")                                                            \
    X(KEY_TYPE, 528, "that type of key is not supported")                                                              \
    X(NOT_STAGED, 529, "nothing is staged for the item")                                                               \
    X(SLOTS_FULL, 530, "there are too many slots")                                                                     \
    X(IDENTITY, 531, "the module does not say who it is")                                                              \
    X(NO_ITEM, 532, "the item is not stored")                                                                          \
    X(BOOT_BEGUN, 533, "the first boot has begun: it has to be reset first")                                           \
    X(BOOT_INCOMPLETE, 534, "the unit misses its certificate, key, endpoint or trust")                                 \
    X(MESSAGE_TOO_BIG, 535, "a message is too big")                                                                    \
    X(MESSAGE_FORM, 536, "a message is not of the form that it should have")                                           \
    X(MESSAGE_FOREIGN, 537, "a message is retained, or is on a topic of somebody else")                                \
    X(PARAMETERS_TOPIC, 538, "the parameters have no topic to publish on")                                             \
    X(PARAMETERS_KEY, 539, "the parameters' software_key is not a P-256 key")                                          \
    X(SOFTWARE_SIZE, 540, "the software has another size")                                                             \
    X(SOFTWARE_HASH, 541, "the software has another hash")                                                             \
    X(SOFTWARE_SIGNATURE, 542, "the software's signature is wrong")                                                    \
    X(SOFTWARE_OLD, 543, "the software is older than what the unit runs")                                              \
    X(NOT_APPLIED, 544, "the software could not be applied")                                                           \
    X(NO_LINK, 545, "the connection could not be made, or was lost")                                                   \
    X(NO_REPLY, 546, "no answer came in time")

enum {
#define KL_AGENT_E_DEFINE(name, number, text) KL_AGENT_E_##name = number,
    KL_AGENT_ERRORS(KL_AGENT_E_DEFINE)
#undef KL_AGENT_E_DEFINE
};
