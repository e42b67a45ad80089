/* Starts threads in tests. */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Starts a thread, or ends the program. */
static inline void start_thread(pthread_t *thread, void *(*run)(void *), void *argument) {
    if (pthread_create(thread, NULL, run, argument) != 0) {
        printf("Bail out! a thread cannot be started\n");
        exit(1);
    }
}

#endif
