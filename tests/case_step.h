/* ThreadSanitizer looks at how threads hand things on, which is the same in most cases of one kind, and makes each of
 * them take many times as long: under it, tests of very many such cases try every third. All of them are tried plain
 * and under AddressSanitizer. */
#pragma once

#ifdef __SANITIZE_THREAD__
#define CASE_STEP 3
#else
#define CASE_STEP 1
#endif
