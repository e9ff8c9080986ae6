/* As much of NVIDIA's driver as a CUDA runtime asks for before it gives up: its version is $FAKE_CUDA, as 12090.
   $FAKE_INIT is what cuInit answers; `hang` and `crash` are what it does instead. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int version(void) {
    const char *said = getenv("FAKE_CUDA");
    return said ? atoi(said) : 0;
}

int cuInit(unsigned int flags) {
    const char *asked = getenv("FAKE_INIT");
    if (!asked)
        return version() ? 0 : 100; /* CUDA_ERROR_NO_DEVICE */
    while (strcmp(asked, "hang") == 0)
        pause();
    if (strcmp(asked, "crash") == 0)
        raise(SIGSEGV);
    return atoi(asked);
}

int cuDriverGetVersion(int *number) {
    *number = version();
    return 0;
}

int cuDeviceGetCount(int *count) {
    *count = 0;
    return 0;
}

static int not_supported(void) { return 801; }

int cuGetProcAddress_v2(const char *name, void **found, int cuda, unsigned long flags, void *status) {
    if (strcmp(name, "cuDriverGetVersion") == 0)
        *found = (void *)cuDriverGetVersion;
    else if (strcmp(name, "cuInit") == 0)
        *found = (void *)cuInit;
    else if (strncmp(name, "cuGetProcAddress", 16) == 0)
        *found = (void *)cuGetProcAddress_v2;
    else
        *found = (void *)not_supported;
    if (status)
        *(int *)status = 0;
    return 0;
}

int cuGetProcAddress(const char *name, void **found, int cuda, unsigned long flags) {
    return cuGetProcAddress_v2(name, found, cuda, flags, 0);
}
