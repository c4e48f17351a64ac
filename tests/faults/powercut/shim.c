/* Records what a process does to the files of one folder, in order: a test then rebuilds the folder
 * as it may lie after a power cut. Preloaded into `flowgate serve`; built by the test with `cc`.
 *
 * POWERCUT_FOLDER: the folder. POWERCUT_LOG: where the records go.
 *
 * A record: operation (1 byte), length of the path (2 bytes), offset (8), length of the data (8), in
 * the order of bytes of the machine; then the path, relative to the folder, then the data.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum operation { WRITE = 1, TRUNCATE, SYNC, CREATE, UNLINK, RENAME };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int log_fd = -1;
static char folder[PATH_MAX];
static size_t folder_length;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);
static int (*real_ftruncate64)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);

static void start(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite64 = dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate64 = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_rename = dlsym(RTLD_NEXT, "rename");
    const char *wanted = getenv("POWERCUT_FOLDER"), *path = getenv("POWERCUT_LOG");
    if (!wanted || !path || !realpath(wanted, folder)) return;
    folder_length = strlen(folder);
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Returns the path below the folder ("" for the folder itself), or NULL for what lies elsewhere. */
static const char *inside(const char *path) {
    if (log_fd < 0 || strncmp(path, folder, folder_length) != 0) return NULL;
    if (path[folder_length] == '\0') return path + folder_length;
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

static const char *of_fd(int fd, char *path) {
    pthread_once(&once, start);
    if (log_fd < 0) return NULL;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return NULL;
    path[length] = '\0';
    return inside(path);
}

static const char *of_name(const char *name, char *path) {
    pthread_once(&once, start);
    if (log_fd < 0) return NULL;
    /* The file may be gone, its folder is not. */
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", name);
    char *slash = strrchr(copy, '/');
    const char *file = slash ? slash + 1 : copy;
    char parent[PATH_MAX];
    if (slash) *slash = '\0';
    if (!realpath(slash ? (slash == copy ? "/" : copy) : ".", parent)) return NULL;
    if (snprintf(path, PATH_MAX, "%s/%s", parent, file) >= PATH_MAX) return NULL;
    return inside(path);
}

static void record(enum operation operation, const char *path, uint64_t offset, const void *data, size_t length) {
    char head[19];
    uint16_t path_length = (uint16_t)strlen(path);
    uint64_t data_length = length;
    head[0] = (char)operation;
    memcpy(head + 1, &path_length, 2);
    memcpy(head + 3, &offset, 8);
    memcpy(head + 11, &data_length, 8);
    struct iovec parts[3] = { { head, sizeof head }, { (void *)path, path_length }, { (void *)data, length } };
    if (syscall(SYS_writev, log_fd, parts, 3) != (long)(sizeof head + path_length + length)) abort();
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    char path[PATH_MAX];
    const char *name = of_fd(fd, path);
    if (!name) return real_pwrite64(fd, data, length, offset);
    pthread_mutex_lock(&lock);
    ssize_t written = real_pwrite64(fd, data, length, offset);
    if (written > 0) record(WRITE, name, (uint64_t)offset, data, (size_t)written);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    return pwrite64(fd, data, length, offset);
}

ssize_t write(int fd, const void *data, size_t length) {
    char path[PATH_MAX];
    const char *name = of_fd(fd, path);
    if (!name) return real_write(fd, data, length);
    pthread_mutex_lock(&lock);
    ssize_t written = real_write(fd, data, length);
    if (written > 0) record(WRITE, name, (uint64_t)(lseek(fd, 0, SEEK_CUR) - written), data, (size_t)written);
    pthread_mutex_unlock(&lock);
    return written;
}

int ftruncate64(int fd, off64_t length) {
    char path[PATH_MAX];
    const char *name = of_fd(fd, path);
    if (!name) return real_ftruncate64(fd, length);
    pthread_mutex_lock(&lock);
    int result = real_ftruncate64(fd, length);
    if (result == 0) record(TRUNCATE, name, (uint64_t)length, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t length) {
    return ftruncate64(fd, length);
}

static int sync_fd(int fd, int (*real)(int)) {
    char path[PATH_MAX];
    const char *name = of_fd(fd, path);
    if (!name) return real(fd);
    pthread_mutex_lock(&lock);
    int result = real(fd);
    if (result == 0) record(SYNC, name, 0, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd) {
    pthread_once(&once, start);
    return sync_fd(fd, real_fsync);
}

int fdatasync(int fd) {
    pthread_once(&once, start);
    return sync_fd(fd, real_fdatasync);
}

int unlink(const char *file) {
    char path[PATH_MAX];
    const char *name = of_name(file, path);
    if (!name) return real_unlink(file);
    pthread_mutex_lock(&lock);
    int result = real_unlink(file);
    if (result == 0) record(UNLINK, name, 0, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to) {
    char from_path[PATH_MAX], to_path[PATH_MAX];
    const char *from_name = of_name(from, from_path), *to_name = of_name(to, to_path);
    if (!from_name || !to_name) return real_rename(from, to);
    pthread_mutex_lock(&lock);
    int result = real_rename(from, to);
    if (result == 0) record(RENAME, from_name, 0, to_name, strlen(to_name));
    pthread_mutex_unlock(&lock);
    return result;
}

static int open_at(int at, const char *file, int flags, mode_t mode) {
    char path[PATH_MAX];
    pthread_once(&once, start);
    if (log_fd < 0 || !(flags & (O_CREAT | O_TRUNC)))
        return (int)syscall(SYS_openat, at, file, flags | O_LARGEFILE, mode);
    pthread_mutex_lock(&lock);
    int existed = faccessat(at, file, F_OK, 0) == 0;
    int fd = (int)syscall(SYS_openat, at, file, flags | O_LARGEFILE, mode);
    const char *name = fd < 0 ? NULL : of_fd(fd, path);
    if (name && !existed) record(CREATE, name, 0, "", 0);
    if (name && existed && (flags & O_TRUNC)) record(TRUNCATE, name, 0, "", 0);
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(last) \
    mode_t mode = 0; \
    if (flags & O_CREAT) { \
        va_list arguments; \
        va_start(arguments, last); \
        mode = va_arg(arguments, mode_t); \
        va_end(arguments); \
    }

int open(const char *file, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, file, flags, mode); }
int open64(const char *file, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, file, flags, mode); }
int openat(int at, const char *file, int flags, ...) { MODE(flags) return open_at(at, file, flags, mode); }
int openat64(int at, const char *file, int flags, ...) { MODE(flags) return open_at(at, file, flags, mode); }
