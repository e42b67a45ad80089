/* A library with 64 bytes of static thread-local storage. glibc reserves some of it for libraries
 * that are loaded late, and cannot load this library when the reserve is full. */

static __thread char storage[64] __attribute__((tls_model("initial-exec")));

char *static_storage(void);

char *static_storage(void) {
    return storage;
}
