/* Forks with another library that was loaded before this one. It takes its lock when a fork begins,
 * and calls this library under that lock. The fork handlers of this library run after that lock is
 * taken, so neither library waits for the other. */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "thread.h"

enum { TIMEOUT = 60, FORKS = 300, SECONDS = 5 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static dcm_registry *registry;
static dcm_counter_family *family;
static sem_t stop;

static void prepare(void) {
    pthread_mutex_lock(&lock);
}

static void release(void) {
    pthread_mutex_unlock(&lock);
}

static void look_up(unsigned round) {
    char text[16];
    const char *values[1];
    dcm_counter *counter;
    snprintf(text, sizeof text, "%u", round % 50);
    values[0] = text;
    if (dcm_counter_family_with_labels(family, values, 1, &counter) == DCM_OK) {
        dcm_counter_inc(counter);
        dcm_counter_free(counter);
    }
    dcm_counter_family_remove(family, values, 1);
}

static void make_counter(unsigned round) {
    dcm_counter *counter;
    (void)round;
    if (dcm_counter_new(registry, "made", "", NULL, 0, &counter) == DCM_OK) {
        dcm_counter_unregister(counter, registry);
        dcm_counter_free(counter);
    }
}

static void set_log(unsigned round) {
    (void)round;
    dcm_log_set_function(NULL, NULL);
}

/* The calls of this library under the lock. */
static void (*use)(unsigned);

static void *use_under_lock(void *unused) {
    for (unsigned round = 0; sem_trywait(&stop) != 0; round++) {
        pthread_mutex_lock(&lock);
        use(round);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

/* Forks FORKS times, or for SECONDS. Returns whether each child can use this library. */
static int forks_return(void (*calls)(unsigned)) {
    struct timespec begin, now;
    pthread_t thread;
    int status = 0, wrong = 0;
    use = calls;
    sem_init(&stop, 0, 0);
    start_thread(&thread, use_under_lock, NULL);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int done = 0; done < FORKS; done++) {
        alarm(TIMEOUT); /* ends this program if a fork never returns */
        pid_t child = fork();
        if (child == 0) {
            alarm(TIMEOUT);
            calls(0);
            _exit(0);
        }
        waitpid(child, &status, 0);
        wrong |= status;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > begin.tv_sec + SECONDS) {
            break;
        }
    }
    alarm(0);
    sem_post(&stop);
    pthread_join(thread, NULL);
    return !wrong;
}

int main(void) {
    static const char *names[] = {"k"};
    /* The program installs its handler after the library, so its handler runs first. */
    pthread_atfork(prepare, release, release);
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_family_new(registry, "f", "", names, 1, &family));
    CHECK(forks_return(look_up), "a fork returns while another library looks up children");
    CHECK(forks_return(make_counter), "a fork returns while another library makes counters");
    CHECK(forks_return(set_log), "a fork returns while another library sets the log function");
    dcm_counter_family_free(family);
    dcm_registry_free(registry);
    return tap_end();
}
