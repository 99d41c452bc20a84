/* Words that people will read: marked for translation here, translated where they are shown. The station itself speaks
 * English. */
#pragma once

/* gi18n.h has the same; whoever translates includes that. */
#ifndef N_
#define N_(text) text
#endif
