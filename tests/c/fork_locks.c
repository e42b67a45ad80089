/* Forks while other threads take locks of the library. No child finds a lock taken, even if the
 * program made no counter and no exporter before. Each child receives the log line of a failed
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
#include "thread.h"

enum { THREADS = 2, TIMEOUT = 60 };

static dcm_registry *registry;
static dcm_gateway *gateway;
static sem_t lines, running, stop;

static void register_health(void) {
    dcm_health_register(registry);
    dcm_health_unregister(registry);
}

static void ignore(void *unused, int level, const char *message) {
    (void)unused;
    (void)level;
    (void)message;
}

static void set_log(void) {
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
    alarm(TIMEOUT); /* ends a child that waits for a thread it does not have */
    dcm_log_set_function(count_lines, &lines);
    NEED(dcm_exporter_start_push(registry, gateway, 3600, &exporter));
    sem_wait(&lines);
    dcm_exporter_free(exporter);
}

static void (*work)(void);

static void *work_repeatedly(void *unused) {
    sem_post(&running);
    while (sem_trywait(&stop) != 0) {
        work();
    }
    return unused;
}

/* Forks while two threads call `function`. Returns how many children exited without an error. */
static int fork_during(void (*function)(void), int forks) {
    pthread_t threads[THREADS];
    int passed = 0;
    work = function;
    for (int i = 0; i < THREADS; ++i) {
        start_thread(&threads[i], work_repeatedly, NULL);
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
        passed += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    for (int i = 0; i < THREADS; ++i) {
        sem_post(&stop);
    }
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
    }
    return passed;
}

int main(int arguments, char **argument) {
    int forks = arguments > 1 ? atoi(argument[1]) : 100;
    sem_init(&lines, 0, 0);
    sem_init(&running, 0, 0);
    sem_init(&stop, 0, 0);
    NEED(dcm_registry_new(&registry));
    NEED(dcm_gateway_new("127.0.0.1:1", "fork_locks", NULL, 0, &gateway));
    CHECK(fork_during(register_health, forks) == forks,
          "children can push if they were forked while threads registered metrics");
    CHECK(fork_during(set_log, forks) == forks,
          "children can push if they were forked while threads set the log function");
    dcm_gateway_free(gateway);
    dcm_registry_free(registry);
    return tap_end();
}
