/* A call of the library is not a cancellation point: pthread_cancel takes effect after it. This
 * holds for calls that wait, and for those that call a function of the program. */
#define _GNU_SOURCE
#include <dataclay_metrics.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"
#include "thread.h"

static dcm_registry *registry;
static dcm_gauge *gauge;
static dcm_counter *counter;
static dcm_histogram *histogram;
static dcm_summary *summary;
static dcm_gateway *gateway;

static void sleep_ms(unsigned ms) { usleep(ms * 1000); }

/* A cancellation point in a function that the library calls. */
static int slow_value(void *user_data, double *value) {
    (void)user_data;
    sleep_ms(300);
    *value = 1;
    return 0;
}

static void slow_free(void *user_data) {
    (void)user_data;
    sleep_ms(300);
}

static void push(void) { dcm_gateway_push(gateway, registry); }
static void push_add(void) { dcm_gateway_push_add(gateway, registry); }
static void delete_group(void) { dcm_gateway_delete(gateway); }
static void encode(void) {
    char *text = NULL;
    dcm_registry_encode_new(registry, DCM_FORMAT_TEXT, &text);
    dcm_string_free(text);
}
static void read_gauge(void) {
    double value;
    dcm_gauge_get(gauge, &value);
}
static void replace_function(void) { dcm_gauge_set_function(gauge, slow_value, NULL, slow_free); }
static void free_last_handle(void) {
    dcm_gauge *other;
    NEED(dcm_gauge_new(registry, "other_level", "", NULL, 0, &other));
    NEED(dcm_gauge_set_function(other, slow_value, NULL, slow_free));
    NEED(dcm_gauge_unregister(other, registry));
    dcm_gauge_free(other);
}
static void start_and_stop(void) {
    dcm_exporter *server;
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &server));
    dcm_exporter_free(server);
}
static void stop_push(void) {
    dcm_exporter *exporter;
    NEED(dcm_exporter_start_push(registry, gateway, 60, &exporter));
    dcm_exporter_stop(exporter, 0.3);
    dcm_exporter_free(exporter);
}

/* A thread that makes one call. */
struct caller {
    void (*call)(void);
    int cancels_itself;
    int returned;
    sem_t started;
};

static void *make_call(void *argument) {
    struct caller *caller = (struct caller *)argument;
    if (caller->cancels_itself) {
        pthread_cancel(pthread_self());
    }
    sem_post(&caller->started);
    caller->call();
    caller->returned = 1;
    for (;;) {
        pause(); /* a cancellation point */
    }
    return NULL;
}

/* Returns whether the call returned in a thread that was cancelled, and then the thread ended. */
static int returns_in_thread(void (*call)(void), int cancels_itself) {
    struct caller caller = {call, cancels_itself, 0, {{0}}};
    pthread_t thread;
    void *result;
    sem_init(&caller.started, 0, 0);
    start_thread(&thread, make_call, &caller);
    if (!cancels_itself) {
        sem_wait(&caller.started);
        sleep_ms(100); /* The call probably waits now. */
        pthread_cancel(thread);
    }
    pthread_join(thread, &result);
    sem_destroy(&caller.started);
    return caller.returned && result == PTHREAD_CANCELED;
}

/* Cancels a thread before the call, which finds every cancellation point, and during the call. */
static int returns(void (*call)(void)) {
    return returns_in_thread(call, 1) && returns_in_thread(call, 0);
}

static uint64_t total(void) {
    uint64_t count = 0;
    NEED(dcm_counter_get(counter, &count));
    return count;
}

static void *count(void *unused) {
    for (;;) {
        dcm_counter_inc(counter);
        pthread_testcancel();
    }
    return unused;
}

/* Is cancelled at any instruction, also during the thread's first count. */
static void *count_asynchronously(void *unused) {
    double number = 0;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    for (;;) {
        dcm_counter_inc(counter);
        dcm_counter_inc_by(counter, 2);
        dcm_histogram_observe(histogram, number);
        dcm_histogram_observe_n(histogram, number, 2);
        dcm_summary_observe(summary, number);
        dcm_summary_observe_n(summary, number, 2);
        number += 0.01;
    }
    return unused;
}

int main(void) {
    int silent = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    char text[64];
    pthread_t thread;
    void *result;
    int state, ended;

    /* Accepts connections, and never responds. */
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(silent, (struct sockaddr *)&address, sizeof address);
    listen(silent, 64);
    getsockname(silent, (struct sockaddr *)&address, &length);
    snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(address.sin_port));

    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "counted", "", NULL, 0, &counter));
    NEED(dcm_gauge_new(registry, "level", "", NULL, 0, &gauge));
    NEED(dcm_histogram_new(registry, "sizes", "", NULL, 0, &histogram));
    NEED(dcm_summary_new(registry, "times", "", NULL, 0, &summary));
    NEED(dcm_gateway_new(text, "cancelled", NULL, 0, &gateway));
    NEED(dcm_gateway_set_timeout(gateway, 0.4));

    CHECK(returns(push), "dcm_gateway_push returns in a cancelled thread");
    CHECK(returns(push_add), "dcm_gateway_push_add returns in a cancelled thread");
    CHECK(returns(delete_group), "dcm_gateway_delete returns in a cancelled thread");
    CHECK(returns(stop_push), "a push exporter starts and stops in a cancelled thread");
    NEED(dcm_gauge_set_function(gauge, slow_value, NULL, slow_free));
    CHECK(returns(read_gauge), "dcm_gauge_get calls a function in a cancelled thread");
    CHECK(returns(encode), "dcm_registry_encode_new calls a function in a cancelled thread");
    CHECK(returns(replace_function),
          "dcm_gauge_set_function frees user data in a cancelled thread");
    CHECK(returns(free_last_handle), "dcm_gauge_free frees user data in a cancelled thread");

    start_thread(&thread, count, NULL);
    while (total() == 0) {
        sched_yield();
    }
    pthread_cancel(thread);
    pthread_join(thread, &result);
    CHECK(result == PTHREAD_CANCELED, "a thread that counts can be cancelled");

    for (ended = 0; ended < 300; ended++) {
        start_thread(&thread, count_asynchronously, NULL);
        usleep(ended % 30 * 10);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        if (result != PTHREAD_CANCELED) break;
    }
    CHECK(ended == 300, "a thread that counts can be cancelled asynchronously");

    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0 &&
              state == PTHREAD_CANCEL_ENABLE,
          "a call leaves cancellation enabled");
    push();
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state) == 0 &&
              state == PTHREAD_CANCEL_DISABLE,
          "a call leaves cancellation disabled");
    start_and_stop();
    encode();
    CHECK(dcm_gateway_push(gateway, registry) == DCM_ERROR_PUSH,
          "the library works after threads were cancelled");

    close(silent);
    dcm_gateway_free(gateway);
    dcm_gauge_free(gauge);
    dcm_histogram_free(histogram);
    dcm_summary_free(summary);
    dcm_counter_free(counter);
    dcm_registry_free(registry);
    return tap_end();
}
