/* A plugin for the tests of `cellmesh check`, which does all that a plugin may, and well. It is built again and again
 * with one DEFECT each. */
#include "culprit.h"

#include "culprit_nothing.plugin.h"

#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

int alive;

const enum defect culprit_defect = DEFECT;

static void *wait_for_ever(void *nothing) {
  for (;;) pause();
  return nothing;
}

static void do_nothing(void *object) { (void)object; }
#ifdef DEFECT_PINS_ITSELF
extern int __cxa_thread_atexit_impl(void (*run)(void *object), void *object, void *library);
extern __attribute__((visibility("hidden"))) void *__dso_handle;
static void pin(void) {
  static int object;
  __cxa_thread_atexit_impl(do_nothing, &object, &__dso_handle);
}
#else
static void pin(void) { do_nothing(NULL); }
#endif

/* What shares the process with others is to be left alone. */
static void disturb(void) {
  pthread_t thread;
  if (is(TAKES_A_SIGNAL)) signal(SIGUSR1, SIG_IGN);
  if (is(SETS_LOCALE)) setlocale(LC_ALL, "C.UTF-8");
  if (is(CHANGES_DIRECTORY) && chdir("/proc") != 0) abort();
  if (is(ROUNDS_UP)) fesetround(FE_UPWARD);
  if (is(LEAVES_A_THREAD) && pthread_create(&thread, NULL, wait_for_ever, NULL) == 0) pthread_detach(thread);
  if (is(LEAVES_A_DESCRIPTOR) && open("/dev/null", O_RDONLY) < 0) abort();
  if (is(LEAVES_A_PROCESS) && fork() == 0) _exit(0);
  if (is(PINS_ITSELF)) pin();
}

static void find_extensions(struct culprit *self) {
  const cm_host *host = self->host;
  self->log = host->get_extension(host, CM_EXT_LOG);
  self->message = host->get_extension(host, CM_EXT_MESSAGE);
  self->timer = host->get_extension(host, CM_EXT_TIMER);
  self->settings = host->get_extension(host, CM_EXT_SETTINGS);
  self->metrics = host->get_extension(host, CM_EXT_METRICS);
  self->directory = host->get_extension(host, CM_EXT_DIRECTORY);
  self->clients = host->get_extension(host, CM_EXT_CLIENTS);
  self->gateway = host->get_extension(host, CM_EXT_GATEWAY);
  self->channel = host->get_extension(host, CM_EXT_CHANNEL);
  self->offload = host->get_extension(host, CM_EXT_OFFLOAD);
  self->kv = host->get_extension(host, CM_EXT_KV);
  self->audit = host->get_extension(host, CM_EXT_AUDIT);
  self->health = host->get_extension(host, CM_EXT_HEALTH);
  if ((is(NEEDS_LOG) && !self->log) || (is(NEEDS_MESSAGE) && !self->message) || (is(NEEDS_TIMER) && !self->timer) ||
      (is(NEEDS_SETTINGS) && !self->settings) || (is(NEEDS_METRICS) && !self->metrics) ||
      (is(NEEDS_DIRECTORY) && !self->directory) || (is(NEEDS_CLIENTS) && !self->clients) ||
      (is(NEEDS_GATEWAY) && !self->gateway) || (is(NEEDS_CHANNEL) && !self->channel) ||
      (is(NEEDS_OFFLOAD) && !self->offload) || (is(NEEDS_KV) && !self->kv) || (is(NEEDS_HEALTH) && !self->health) ||
      (is(NEEDS_AUDIT) && !self->audit) || (is(NEEDS_SOMETHING) && !self->log && !self->message)) {
    abort();
  }
}

static void *create(const cm_host *host) {
  struct culprit *self;
  if (is(CREATE_MAKES_NOTHING) || (is(ONE_INSTANCE) && alive > 0)) return NULL;
  if (is(NEEDS_THIS_VERY_HOST) && host->struct_size != sizeof *host) return NULL;
  self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->host = host;
  find_extensions(self);
  ++alive;
  if (is(LEAKS_A_LIFE) && malloc(4096) == NULL) abort();
  if (is(SENDS_IN_CREATE) && self->message) self->message->send(host, host->self, 1, NULL, 0);
  return self;
}

static void destroy(void *data) {
  struct culprit *self = data;
  if (is(DESTROY_NEEDS_START) && !self->started) abort();
  if (is(DESTROY_NEEDS_STOP) && self->started && !self->stopped) abort();
  --alive;
  free(self->players);
  free(self);
}

static void settings_at_start(void *context, const uint8_t *data, size_t size) { take_settings(context, data, size); }

void begin(struct culprit *self) {
  if (self->timer) {
    self->started_ms = self->timer->now_ms(self->host);
    self->timer->start(self->host, 1000, 1000, TICK, (const uint8_t *)COOKIE, COOKIE_SIZE, NULL);
    if (is(TIMER_WITHOUT_HANDLER)) self->timer->start(self->host, 1, 0, "", NULL, 0, NULL);
  }
  if (self->channel) self->channel->subscribe(self->host, "news", NEWS, (const uint8_t *)COOKIE, COOKIE_SIZE);
}

static cm_status start(void *data) {
  static int starts;
  struct culprit *self = data;
  self->started = true;
  if (is(START_REFUSES) || (is(STARTS_A_FEW_TIMES) && ++starts > 60)) return CM_INVALID;
  if (is(STARTS_BEHIND_A_PEER) && self->directory && self->directory->pick(self->host, "peer") == 0) return CM_INVALID;
  disturb();
  if (self->settings) self->settings->get(self->host, settings_at_start, self);
  if ((is(REFUSES_LEAST) && self->level == 1) || (is(REFUSES_MOST) && self->level == 10)) return CM_INVALID;
  if (is(LOGS_BYTES) && self->log) self->log->write(self->host, CM_LOG_INFO, "\xff\xfe", 2);
  begin(self);
  return CM_OK;
}

#ifndef DEFECT_NO_STOP
static void stop(void *data) {
  struct culprit *self = data;
  self->stopped = true;
}
#endif

static cm_status on_message(void *data, const cm_message *message) {
  switch (message->id) {
    case CM_MSG_CULPRIT_SAYREQ:
      return say(data, message);
    case CM_MSG_CULPRIT_WORKREQ:
      return work(data, message);
    default:
      return is(UNKNOWN_IS_OK) ? CM_OK : CM_UNHANDLED;
  }
}

#ifdef DEFECT_UNDEFINED_SYMBOL
extern void nobody_has_this(void);
#endif
static cm_status init(void) {
  pthread_key_t key;
#ifdef DEFECT_UNDEFINED_SYMBOL
  nobody_has_this();
#endif
  if (is(LEAKS_A_RELOAD) && malloc(4096) == NULL) abort();
  if (is(LEAKS_KEYS) && (pthread_key_create(&key, NULL) != 0 || pthread_key_create(&key, NULL) != 0)) {
    return CM_UNAVAILABLE;
  }
  return is(INIT_REFUSES) ? CM_UNAVAILABLE : CM_OK;
}

#ifdef DEFECT_KIND_DIFFERS
#define KIND "another"
#else
#define KIND "culprit"
#endif
static const cm_service_kind kind = {
    .struct_size = sizeof kind,
    .kind = KIND,
    .create = create,
    .destroy = destroy,
    .start = start,
#ifndef DEFECT_NO_STOP
    .stop = stop,
#endif
    .on_message = on_message,
    .get_extension = culprit_extension,
};
static const cm_service_kind *const kinds[] = {&kind};

#ifdef DEFECT_TWO_SYMBOLS
CM_EXPORT int culprit_helper;
#endif
#ifdef DEFECT_UNIQUE_SYMBOL
__asm__(
    ".pushsection .data\n.globl culprit_unique\n.type culprit_unique, %gnu_unique_object\n.size culprit_unique, 4\n"
    "culprit_unique: .long 1\n.popsection\n");
#endif
#ifdef DEFECT_NO_SYMBOL
CM_EXPORT const cm_plugin something_else
#else
const cm_plugin cellmesh_plugin
#endif
    = {
        .struct_size = sizeof(cm_plugin),
        .abi_major = DEFECT == ABI_IN_CODE_DIFFERS ? CM_ABI_MAJOR + 1 : CM_ABI_MAJOR,
        .abi_minor = CM_ABI_MINOR,
        .init = init,
        .kind_count = 1,
        .kinds = kinds,
};

#ifdef MANIFEST
__asm__(".pushsection .cellmesh.manifest,\"a\",@progbits\n.incbin \"" MANIFEST "\"\n.popsection\n");
#endif
