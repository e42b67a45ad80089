/* pthread_cancel during a call takes effect after it: no call that waits, and none that runs a
 * function of the program, is a cancellation point. */
#define _GNU_SOURCE
#include <dataclay_metrics.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"

static dcm_registry *registry;
static dcm_gauge *gauge;
static dcm_counter *counter;
static dcm_histogram *histogram;
static dcm_summary *summary;
static dcm_gateway *gateway;
static dcm_exporter *exporter;
static volatile int returned;

static void sleep_ms(unsigned ms) { usleep(ms * 1000); }

/* A cancellation point in a function that the library calls. */
static int slow(void *user_data, double *value) {
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
static void replace_function(void) { dcm_gauge_set_function(gauge, slow, NULL, slow_free); }
static void free_last_handle(void) {
    dcm_gauge *other;
    NEED(dcm_gauge_new(registry, "other_level", "", NULL, 0, &other));
    NEED(dcm_gauge_set_function(other, slow, NULL, slow_free));
    NEED(dcm_gauge_unregister(other, registry));
    dcm_gauge_free(other);
}
static void start_and_stop(void) {
    dcm_exporter *server;
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &server));
    sleep_ms(0);
    dcm_exporter_free(server);
}
static void stop_push(void) {
    NEED(dcm_exporter_start_push(registry, gateway, 60, &exporter));
    dcm_exporter_stop(exporter, 0.3);
    dcm_exporter_free(exporter);
}

static void *call(void *function) {
    (*(void (**)(void))function)();
    returned = 1;
    pthread_testcancel();
    return NULL;
}

static void *count(void *unused) {
    for (;;) {
        dcm_counter_inc(counter);
        pthread_testcancel();
    }
    return unused;
}

/* Is cancelled at any instruction, also during the thread's first count. */
static void *count_at_once(void *unused) {
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

/* Cancels a thread in a call. Returns whether the call ended and then the thread. */
static int is_cancelled_after(void (*function)(void), int ends) {
    pthread_t thread;
    void *result;
    returned = 0;
    pthread_create(&thread, NULL, call, &function);
    sleep_ms(100);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    return returned == ends && result == PTHREAD_CANCELED;
}

int main(void) {
    int silent = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    char text[64];
    pthread_t thread;
    void *result;
    uint64_t before;
    int state, ended;

    /* Accepts connections, and never responds. */
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(silent, (struct sockaddr *)&address, sizeof address);
    listen(silent, 16);
    getsockname(silent, (struct sockaddr *)&address, &length);
    snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(address.sin_port));

    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "counted", "", NULL, 0, &counter));
    NEED(dcm_gauge_new(registry, "level", "", NULL, 0, &gauge));
    NEED(dcm_histogram_new(registry, "sizes", "", NULL, 0, &histogram));
    NEED(dcm_summary_new(registry, "times", "", NULL, 0, &summary));
    NEED(dcm_gateway_new(text, "cancelled", NULL, 0, &gateway));
    NEED(dcm_gateway_set_timeout(gateway, 0.4));

    CHECK(is_cancelled_after(push, 1), "dcm_gateway_push returns before its thread ends");
    CHECK(is_cancelled_after(push_add, 1), "dcm_gateway_push_add");
    CHECK(is_cancelled_after(delete_group, 1), "dcm_gateway_delete");
    CHECK(is_cancelled_after(stop_push, 1), "dcm_exporter_start_push, _stop and _free");
    NEED(dcm_gauge_set_function(gauge, slow, NULL, slow_free));
    CHECK(is_cancelled_after(read_gauge, 1), "dcm_gauge_get with a function");
    CHECK(is_cancelled_after(encode, 1), "dcm_registry_encode_new with a gauge's function");
    CHECK(is_cancelled_after(replace_function, 1), "dcm_gauge_set_function frees user data");
    CHECK(is_cancelled_after(free_last_handle, 1), "dcm_gauge_free frees user data");

    pthread_create(&thread, NULL, count, NULL);
    sleep_ms(50);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    NEED(dcm_counter_get(counter, &before));
    CHECK(result == PTHREAD_CANCELED && before > 0, "a thread that counts can be cancelled");

    for (ended = 0; ended < 300; ended++) {
        pthread_create(&thread, NULL, count_at_once, NULL);
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
    CHECK(dcm_gateway_push(gateway, registry) == DCM_ERROR_PUSH, "the library works on");

    close(silent);
    dcm_gateway_free(gateway);
    dcm_gauge_free(gauge);
    dcm_histogram_free(histogram);
    dcm_summary_free(summary);
    dcm_counter_free(counter);
    dcm_registry_free(registry);
    return tap_end();
}
