/* The Test Anything Protocol: CHECK for each fact, `return tap_end();` at the end. */
#ifndef TAP_H
#define TAP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_tests;
static int tap_failures;

static void tap_check(int holds, const char *what, const char *file, int line) {
    ++tap_tests;
    printf("%sok %d - %s\n", holds ? "" : "not ", tap_tests, what);
    if (!holds) {
        ++tap_failures;
        printf("# %s:%d; the last error: %s\n", file, line, dcm_error_last());
    }
    fflush(stdout);
}

/* Reports one test. */
#define CHECK(condition, what) tap_check(!!(condition), what, __FILE__, __LINE__)

/* Ends the program if a call fails that the later tests need. */
#define NEED(call)                                                                                 \
    do {                                                                                           \
        if ((call) != DCM_OK) {                                                                    \
            printf("Bail out! %s:%d: %s: %s\n", __FILE__, __LINE__, #call, dcm_error_last());      \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static int tap_end(void) {
    printf("1..%d\n", tap_tests);
    return tap_failures != 0;
}

#endif
