/*
 * NVIDIA's management library as far as a worker asks it, answering from the file $FAKE_NVML, read anew each time:
 *
 *   devices N                 how many there are
 *   used I BYTES              memory in use on all of device I, which has 24 GiB
 *   busy I PERCENT            of its last sampling period
 *   sample I PERCENT          one of the driver's record, taken just now; as many lines as there are samples
 *   process I PID BYTES       one of the processes on it
 *   computes I PID PERCENT    one of its processes' samples
 *   uuid I TEXT
 *   error FUNCTION CODE       what a function answers instead
 *   opens LINK NAME           when it starts, it opens NAME: a link in a /proc/self/fd of the test's
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } process_t;
typedef struct { unsigned pid; unsigned long long time; unsigned sm, memory, encoder, decoder; } process_sample_t;
typedef struct { unsigned long long time; unsigned long long value; } sample_t;

static unsigned long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

/* The n-th line that begins so, without its beginning; 0 when there are not so many. */
static int line(const char *begin, int n, char *rest) {
    char text[1024];
    FILE *file = fopen(getenv("FAKE_NVML"), "r");
    if (!file) return 0;
    int found = 0;
    while (!found && fgets(text, sizeof text, file))
        if (strncmp(text, begin, strlen(begin)) == 0 && n-- == 0) {
            strcpy(rest, text + strlen(begin));
            rest[strcspn(rest, "\n")] = 0;
            found = 1;
        }
    fclose(file);
    return found;
}

static int about(const char *what, void *device, int n, char *rest) {
    char begin[64];
    snprintf(begin, sizeof begin, "%s %d ", what, (int)(long)device - 1);
    return line(begin, n, rest);
}

static int error(const char *function) {
    char begin[96], rest[1024];
    snprintf(begin, sizeof begin, "error %s ", function);
    return line(begin, 0, rest) ? atoi(rest) : 0;
}

#define FAIL_AS_TOLD do { int code = error(__func__); if (code) return code; } while (0)

int nvmlInit_v2(void) {
    FAIL_AS_TOLD;
    char rest[1024], link[512], name[512];
    for (int n = 0; line("opens ", n, rest); n++)
        if (sscanf(rest, "%511s %511s", link, name) == 2 && symlink(name, link)) return 999;
    return 0;
}

const char *nvmlErrorString(int code) {
    return code == 3 ? "Not Supported" : code == 9 ? "Driver Not Loaded" : code == 18 ? "Driver/library version mismatch" : "?";
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    FAIL_AS_TOLD;
    char rest[1024];
    *count = line("devices ", 0, rest) ? atoi(rest) : 0;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    FAIL_AS_TOLD;
    *device = (void *)(long)(index + 1);
    return 0;
}

int nvmlDeviceGetUUID(void *device, char *text, unsigned room) {
    FAIL_AS_TOLD;
    char rest[1024];
    snprintf(text, room, "%s", about("uuid", device, 0, rest) ? rest : "");
    return 0;
}

int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *total_free_used) {
    FAIL_AS_TOLD;
    char rest[1024];
    if (!about("used", device, 0, rest)) return 3;
    total_free_used[0] = 24ull << 30;
    total_free_used[2] = strtoull(rest, 0, 10);
    total_free_used[1] = total_free_used[0] - total_free_used[2];
    return 0;
}

int nvmlDeviceGetUtilizationRates(void *device, unsigned *gpu_memory) {
    FAIL_AS_TOLD;
    char rest[1024];
    if (!about("busy", device, 0, rest)) return 3;
    gpu_memory[0] = atoi(rest);
    return 0;
}

int nvmlDeviceGetSamples(void *device, int type, unsigned long long since, int *kind, unsigned *count, sample_t *samples) {
    FAIL_AS_TOLD;
    if (type != 1) return 2;
    char rest[1024];
    unsigned n = 0;
    for (; n < *count && about("sample", device, n, rest); n++) {
        samples[n].time = now();
        samples[n].value = 0xffffffff00000000ull | (unsigned)atoi(rest); /* of the union, only four bytes are meant */
    }
    *kind = 1;
    *count = n;
    return n ? 0 : 6;
}

static int processes(void *device, unsigned *count, process_t *found) {
    char rest[1024];
    unsigned n = 0, room = *count;
    for (; about("process", device, n, rest); n++)
        if (n < room) {
            char *size;
            found[n].pid = strtoul(rest, &size, 10);
            found[n].used = strtoull(size, 0, 10);
        }
    *count = n;
    return n > room ? 7 : 0;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, process_t *found) {
    FAIL_AS_TOLD;
    return processes(device, count, found);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned *count, process_t *found) {
    FAIL_AS_TOLD;
    *count = 0;
    return 0;
}

int nvmlDeviceGetProcessUtilization(void *device, process_sample_t *found, unsigned *count, unsigned long long since) {
    FAIL_AS_TOLD;
    char rest[1024];
    unsigned n = 0;
    for (; n < *count && about("computes", device, n, rest); n++) {
        char *percent;
        found[n].pid = strtoul(rest, &percent, 10);
        found[n].sm = atoi(percent);
        found[n].time = now();
    }
    *count = n;
    return n ? 0 : 6;
}
