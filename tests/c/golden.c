/* The metrics of tests/golden give the bytes of the files that are the arguments: those that Rust and
 * Python give for them, in the text format and in OpenMetrics. */
#include <dataclay_metrics.h>

#include <math.h>

#include "tap.h"

static void compare(const dcm_registry *registry, dcm_format format, const char *path) {
    static char expected[4096];
    char *text;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        printf("Bail out! %s cannot be opened\n", path);
        exit(1);
    }
    expected[fread(expected, 1, sizeof expected - 1, file)] = '\0';
    fclose(file);
    NEED(dcm_registry_encode_new(registry, format, &text));
    CHECK(strcmp(text, expected) == 0, path);
    dcm_string_free(text);
}

int main(int count, char **arguments) {
    const dcm_label labels[] = {{"path", "C:\\ \"x\"\n"}, {"name", "\xc3\xa9"}};
    const char *const names[] = {"method", "code"};
    const char *const get[] = {"get", "200"}, *const post[] = {"post", ""};
    dcm_registry *registry;
    dcm_counter *counter;
    dcm_counter_family *family;
    dcm_gauge *gauge;
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
    compare(registry, DCM_FORMAT_TEXT, count == 3 ? arguments[1] : "");
    compare(registry, DCM_FORMAT_OPENMETRICS, count == 3 ? arguments[2] : "");
    dcm_registry_free(registry);
    return tap_end();
}
