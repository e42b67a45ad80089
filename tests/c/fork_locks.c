/* Forks while other threads take locks of the library. No child finds a lock taken, even if the
 * program has made no counter and no exporter before. Each child receives the log line of a failed
 * push.
 *
 *     fork_locks [FORKS]
 */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

enum { THREADS = 2, PATIENCE = 60 };

static dcm_registry *registry;
static dcm_gateway *gateway;
static sem_t lines, running, over;

static void register_once(void) {
    dcm_health_register(registry);
    dcm_health_unregister(registry);
}

static void ignore(void *unused, int level, const char *message) {
    (void)unused;
    (void)level;
    (void)message;
}

static void set_once(void) {
    dcm_log_set_function(ignore, NULL);
}

static void count_lines(void *semaphore, int level, const char *message) {
    if (level == DCM_LOG_WARN && strstr(message, "127.0.0.1:1") != NULL) {
        sem_post((sem_t *)semaphore);
    }
}

/* Pushes to a port without a listener. A log function set after the fork receives the error. */
static void child(void) {
    dcm_exporter *exporter;
    alarm(PATIENCE); /* ends a child that waits for a thread it does not have */
    dcm_log_set_function(count_lines, &lines);
    NEED(dcm_exporter_start_push(registry, gateway, 3600, &exporter));
    sem_wait(&lines);
    dcm_exporter_free(exporter);
}

static void (*locks)(void);

static void *lock_again_and_again(void *unused) {
    sem_post(&running);
    while (sem_trywait(&over) != 0) {
        locks();
    }
    return unused;
}

/* Forks while two threads do `work`. Returns how many of the children exited without an error. */
static int fork_beside(void (*work)(void), int forks) {
    pthread_t threads[THREADS];
    int well = 0;
    locks = work;
    for (int i = 0; i < THREADS; ++i) {
        if (pthread_create(&threads[i], NULL, lock_again_and_again, NULL) != 0) {
            exit(1);
        }
        sem_wait(&running);
    }
    for (int i = 0; i < forks; ++i) {
        int status = -1;
        pid_t process = fork();
        if (process == 0) {
            child();
            _exit(0);
        }
        waitpid(process, &status, 0);
        well += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    for (int i = 0; i < THREADS; ++i) {
        sem_post(&over);
    }
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
    }
    return well;
}

int main(int arguments, char **argument) {
    int forks = arguments > 1 ? atoi(argument[1]) : 100;
    sem_init(&lines, 0, 0);
    sem_init(&running, 0, 0);
    sem_init(&over, 0, 0);
    NEED(dcm_registry_new(&registry));
    NEED(dcm_gateway_new("127.0.0.1:1", "fork_locks", NULL, 0, &gateway));
    CHECK(fork_beside(register_once, forks) == forks, "children forked while threads register");
    CHECK(fork_beside(set_once, forks) == forks,
          "children forked while threads set the log function");
    dcm_gateway_free(gateway);
    dcm_registry_free(registry);
    return tap_end();
}
