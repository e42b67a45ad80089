/* The metrics of tests/golden give the bytes of the file that is the first argument: those that Rust
 * and Python give for them. */
#include <dataclay_metrics.h>

#include <math.h>

#include "tap.h"

int main(int count, char **arguments) {
    static char expected[4096];
    const dcm_label labels[] = {{"path", "C:\\ \"x\"\n"}, {"name", "\xc3\xa9"}};
    const char *const names[] = {"method", "code"};
    const char *const get[] = {"get", "200"}, *const post[] = {"post", ""};
    dcm_registry *registry;
    dcm_counter *counter;
    dcm_counter_family *family;
    dcm_gauge *gauge;
    char *text;
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "plain", "Back\\slash\nand \"quotes\"", NULL, 0, &counter));
    dcm_counter_inc_by(counter, UINT64_C(9007199254740993));
    dcm_counter_free(counter);
    NEED(dcm_counter_new(registry, "fractions_total", "", NULL, 0, &counter));
    NEED(dcm_counter_inc_by_double(counter, 0.1));
    dcm_counter_free(counter);
    NEED(dcm_counter_family_new(registry, "requests", "Served", names, 2, &family));
    NEED(dcm_counter_family_with_labels(family, get, 2, &counter));
    dcm_counter_inc(counter);
    dcm_counter_free(counter);
    NEED(dcm_counter_family_with_labels(family, post, 2, &counter));
    dcm_counter_inc_by(counter, 2);
    dcm_counter_free(counter);
    dcm_counter_family_free(family);
    NEED(dcm_gauge_new(registry, "level", "h\xc3\xa9", labels, 2, &gauge));
    dcm_gauge_set(gauge, -0.5);
    dcm_gauge_free(gauge);
    NEED(dcm_gauge_new(registry, "huge", "Infinite", NULL, 0, &gauge));
    dcm_gauge_set(gauge, HUGE_VAL);
    dcm_gauge_free(gauge);
    NEED(dcm_registry_encode_new(registry, DCM_FORMAT_TEXT, &text));
    FILE *file = fopen(count > 1 ? arguments[1] : "", "rb");
    if (file != NULL) {
        expected[fread(expected, 1, sizeof expected - 1, file)] = '\0';
        fclose(file);
    }
    CHECK(strcmp(text, expected) == 0, "the same bytes as in Rust and Python");
    dcm_string_free(text);
    dcm_registry_free(registry);
    return tap_end();
}
