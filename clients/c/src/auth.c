#include "auth.h"

#include <pthread.h>
#include <string.h>

#include "sp.h"

static int nothing(int fd, void *data) {
    (void)fd;
    (void)data;
    return 1;
}

static struct {
    pthread_mutex_t lock;
    struct auth set;
} current = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .set = {.count = 1, .method = {{.name = "NULL", .run = nothing}}},
};

void auth_get(struct auth *a) {
    pthread_mutex_lock(&current.lock);
    *a = current.set;
    pthread_mutex_unlock(&current.lock);
}

bool auth_offered(const struct auth *a, const char *list) {
    for (int i = 0; i < a->count; i++) {
        size_t n = strlen(a->method[i].name);
        bool found = false;
        for (const char *p = list; *p && !found;) {
            size_t word = strcspn(p, " ");
            found = word == n && memcmp(p, a->method[i].name, n) == 0;
            p += word;
            p += strspn(p, " ");
        }
        if (!found)
            return false;
    }
    return true;
}

int SP_set_auth_methods(int num_methods, const char *auth_name[], int (*auth_function[])(int, void *),
                        void *auth_data[]) {
    struct auth a = {.count = num_methods};
    if (num_methods < 0 || num_methods > AUTH_METHODS)
        return 0;
    for (int i = 0; i < num_methods; i++) {
        if (!auth_name[i] || strlen(auth_name[i]) >= AUTH_NAME || !auth_function[i])
            return 0;
        strcpy(a.method[i].name, auth_name[i]);
        a.method[i].run = auth_function[i];
        a.method[i].data = auth_data ? auth_data[i] : NULL;
    }
    pthread_mutex_lock(&current.lock);
    current.set = a;
    pthread_mutex_unlock(&current.lock);
    return 1;
}

int SP_set_auth_method(const char *auth_name, int (*auth_function)(int, void *), void *auth_data) {
    return SP_set_auth_methods(1, &auth_name, &auth_function, &auth_data);
}
