/* Encodes the metrics of tests/golden in the text format and in OpenMetrics. The output must equal
 * the two files given as arguments, as it does from Rust and from Python. */
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
    static const char *const names[] = {"of"};
    const struct {
        const char *of;
        double value;
    } numbers[] = {
        {"zero", 0},
        {"negative", -3},
        {"tenth", 0.1},
        {"large", 1e300},
        {"tiny", 5e-324},
        {"nan", NAN},
        {"inf", HUGE_VAL},
        {"-inf", -HUGE_VAL},
        {"back\\slash \"quote\" new\nline \xc3\xa9", 1},
    };
    dcm_registry *registry;
    dcm_counter *counter;
    dcm_gauge_family *family;
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_new(registry, "requests", "Requests \"served\" \\ in\ntwo lines", NULL, 0,
                         &counter));
    dcm_counter_inc_by(counter, 12345);
    dcm_counter_free(counter);
    NEED(dcm_counter_new(registry, "bytes_total", "", NULL, 0, &counter));
    NEED(dcm_counter_inc_by_double(counter, 2.5));
    dcm_counter_free(counter);
    NEED(dcm_gauge_family_new(registry, "number", "Gr\xc3\xbc\xc3\x9f" "e \xe2\x9c\x93", names, 1,
                              &family));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
        dcm_gauge *gauge;
        NEED(dcm_gauge_family_with_labels(family, &numbers[i].of, 1, &gauge));
        dcm_gauge_set(gauge, numbers[i].value);
        dcm_gauge_free(gauge);
    }
    dcm_gauge_family_free(family);
    compare(registry, DCM_FORMAT_TEXT, count == 3 ? arguments[1] : "");
    compare(registry, DCM_FORMAT_OPENMETRICS, count == 3 ? arguments[2] : "");
    dcm_registry_free(registry);
    return tap_end();
}
