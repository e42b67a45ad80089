/* A library that takes 64 bytes of the thread-local storage that glibc reserves for libraries that
 * are loaded late. It cannot be loaded when that storage is full. */

static __thread char room[64] __attribute__((tls_model("initial-exec")));

char *taken(void);

char *taken(void) {
    return room;
}
