/* A panic in the library becomes a status. The argument is the path of a library that was built
 * with the feature test-panic. */
#include <dataclay_metrics.h>

#include <dlfcn.h>

#include "tap.h"

typedef dcm_status (*function)(void);

int main(int count, char **arguments) {
    void *library = dlopen(count > 1 ? arguments[1] : "", RTLD_NOW | RTLD_LOCAL);
    function force;
    const char *(*last)(void);
    if (library == NULL) {
        printf("Bail out! %s\n", dlerror());
        return 1;
    }
    *(void **)(&force) = dlsym(library, "dcm_test_panic");
    *(void **)(&last) = dlsym(library, "dcm_error_last");
    CHECK(force() == DCM_ERROR_PANIC, "a panic becomes a status");
    CHECK(strstr(last(), "forced by a test") != NULL, "a panic becomes the last error");
    CHECK(force() == DCM_ERROR_PANIC, "a second panic becomes a status too");
    return tap_end();
}
