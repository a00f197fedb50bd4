/* Preloaded into a server, makes its disk slow: fdatasync takes SLOW_SYNC seconds, and fails if FAILING_SYNC is set. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int file)
{
    const char *seconds = getenv("SLOW_SYNC");
    unsigned int left = seconds ? (unsigned int)atoi(seconds) : 0;
    while (left > 0)
        left = sleep(left);
    if (getenv("FAILING_SYNC")) {
        errno = EIO;
        return -1;
    }
    return fsync(file);
}
