/* A library that takes 64 bytes of what glibc sets aside for the thread-local storage of libraries
 * that are loaded late, and that cannot be loaded once there is no more. */

static __thread char room[64] __attribute__((tls_model("initial-exec")));

char *taken(void);

char *taken(void) {
    return room;
}
