/* A program with two Rust static libraries: other_staticlib.rs, and this library, built with the
 * feature test-panic. */
#include <dataclay_metrics.h>

#include "tap.h"

unsigned other_adds_on_a_thread(unsigned number);
unsigned other_panics(void);
dcm_status dcm_test_panic(void);

static int value_from_other(void *user_data, double *value) {
    *value = (double)other_adds_on_a_thread(*(unsigned *)user_data);
    return other_panics() != 1;
}

int main(void) {
    unsigned number = 41;
    uint64_t count;
    double value;
    dcm_registry *registry;
    dcm_counter *counter;
    dcm_gauge *gauge;
    dcm_exporter *exporter;
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "counted", "", NULL, 0, &counter));
    NEED(dcm_gauge_new(registry, "level", "", NULL, 0, &gauge));
    NEED(dcm_gauge_set_function(gauge, value_from_other, &number, NULL));
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &exporter));
    dcm_counter_inc(counter);
    NEED(dcm_counter_get(counter, &count));
    CHECK(count == 1, "this library counts");
    CHECK(other_adds_on_a_thread(1) == 2, "the other library has its own threads and storage");
    CHECK(other_panics() == 1, "the other library catches its panic");
    CHECK(dcm_test_panic() == DCM_ERROR_PANIC, "this library catches its panic");
    CHECK(dcm_gauge_get(gauge, &value) == DCM_OK && value == 42,
          "a gauge's function may call the other library");
    CHECK(other_panics() == 1 && dcm_test_panic() == DCM_ERROR_PANIC,
          "both libraries catch a second panic");
    dcm_exporter_free(exporter);
    dcm_gauge_free(gauge);
    dcm_counter_free(counter);
    dcm_registry_free(registry);
    return tap_end();
}
