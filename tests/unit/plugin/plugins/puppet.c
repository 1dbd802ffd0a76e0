/* A plugin for tests, written against the C ABI alone. What it does wrong is chosen when it is compiled:
 *   MANIFEST        file with the bytes of its manifest
 *   KIND            its kind of service; KIND_IN_CODE that of its code, when it lies
 *   START_STATUS, INIT_STATUS, ABI_MAJOR_IN_CODE, STRUCT_SIZE, NO_START
 *   WITH_STATE      it has a state, and can be reloaded
 *   ENDLESS_ROWS    there is always one more row in it
 *   SECOND_KIND     provides that as well; SECOND_REFUSES: whose load refuses every state
 * Messages: 1 is answered with its body; 2 runs a job that waits on a pipe; 3 waits on a pipe itself; 4 gives the
 * settings; 5 is answered, and makes a later save wait on a pipe; 6 starts a timer and is answered. The body of 2, 3
 * and 5 is two file descriptors: one to say "here" to, one to wait on; of 5, and how many saves come before. */
#include <cellmesh/abi/log.h>
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/offload.h>
#include <cellmesh/abi/plugin.h>
#include <cellmesh/abi/settings.h>
#include <cellmesh/abi/state.h>
#include <cellmesh/abi/timer.h>
#include <string.h>
#include <unistd.h>

#ifndef KIND_IN_CODE
#define KIND_IN_CODE KIND
#endif
#ifndef START_STATUS
#define START_STATUS CM_OK
#endif
#ifndef INIT_STATUS
#define INIT_STATUS CM_OK
#endif
#ifndef ABI_MAJOR_IN_CODE
#define ABI_MAJOR_IN_CODE CM_ABI_MAJOR
#endif
#ifndef STRUCT_SIZE
#define STRUCT_SIZE sizeof(cm_plugin)
#endif

__asm__(".pushsection .cellmesh.manifest,\"a\",@progbits\n.incbin \"" MANIFEST "\"\n.popsection\n");

#ifdef UNDEFINED_SYMBOL
extern int nobody_has_this(void);
#endif

static void wait_on(const uint8_t *body, size_t size) {
  int fds[2];
  char byte = 0;
  if (size != sizeof fds) return;
  memcpy(fds, body, sizeof fds);
  if (write(fds[0], "!", 1) != 1) return;
  while (read(fds[1], &byte, 1) < 0) {
  }
}

static cm_status job(const uint8_t *input, size_t size, cm_job_output *output) {
  wait_on(input, size);
  return output->write(output, (const uint8_t *)"done", 4);
}

static void *create(const cm_host *host) {
#ifdef UNDEFINED_SYMBOL
  if (nobody_has_this()) return NULL;
#endif
  return (void *)host;
}
static void destroy(void *self) { (void)self; }
static cm_status start(void *self) {
  (void)self;
  return START_STATUS;
}
static void stop(void *self) { (void)self; }

/* Of the save that waits. */
static int save_fds[2];
static int saves_before = -1;

static const cm_host_message *message_of(const cm_host *host) { return host->get_extension(host, CM_EXT_MESSAGE); }

struct answer {
  const cm_host *host;
  const cm_message *to;
};
static void send_settings(void *ctx, const uint8_t *data, size_t size) {
  const struct answer *answer = ctx;
  message_of(answer->host)->reply(answer->host, &answer->to->request, 10, data, size);
}

static cm_status on_message(void *self, const cm_message *m) {
  const cm_host *host = self;
  struct answer answer = {host, m};
  switch (m->id) {
    case 1:
      return message_of(host)->reply(host, &m->request, 10, m->body, m->body_size);
    case 2: {
      const cm_host_offload *offload = host->get_extension(host, CM_EXT_OFFLOAD);
      return offload->run(host, job, m->body, m->body_size, "done", NULL, 0);
    }
    case 3:
      wait_on(m->body, m->body_size);
      return CM_OK;
    case 4: {
      const cm_host_settings *settings = host->get_extension(host, CM_EXT_SETTINGS);
      return settings->get(host, send_settings, &answer);
    }
    case 5:
      if (m->body_size != sizeof save_fds + sizeof saves_before) return CM_BAD_MESSAGE;
      memcpy(save_fds, m->body, sizeof save_fds);
      memcpy(&saves_before, m->body + sizeof save_fds, sizeof saves_before);
      return message_of(host)->reply(host, &m->request, 10, NULL, 0);
    case 6: {
      const cm_host_timer *timer = host->get_extension(host, CM_EXT_TIMER);
      if (timer->start(host, 1000000, 0, "later", NULL, 0, NULL) != CM_OK) return CM_FAULT;
      return message_of(host)->reply(host, &m->request, 10, NULL, 0);
    }
    default:
      return CM_UNHANDLED;
  }
}

#ifdef WITH_STATE
static cm_status save(void *self, cm_state_sink *sink) {
  (void)self;
  if (saves_before >= 0 && saves_before-- == 0) wait_on((const uint8_t *)save_fds, sizeof save_fds);
  return sink->write(sink, (const uint8_t *)"", 0);
}
static cm_status load(void *self, const cm_saved_state *state) {
  (void)self;
  (void)state;
  return CM_OK;
}
#ifdef ENDLESS_ROWS
static void follow(void *self, int32_t on) {
  (void)self;
  (void)on;
}
static cm_status rows(void *self, cm_state_sink *sink, uint32_t most, uint64_t *left) {
  (void)self;
  (void)most;
  *left = 1;
  return sink->row(sink, "table", (const uint8_t *)"key", 3, (const uint8_t *)"row", 3);
}
static cm_status load_row(void *self, const char *table, const uint8_t *key, size_t key_size, const uint8_t *row,
                          size_t row_size) {
  (void)self, (void)table, (void)key, (void)key_size, (void)row, (void)row_size;
  return CM_OK;
}
#else
#define follow NULL
#define rows NULL
#define load_row NULL
#endif
static int32_t has_handler(void *self, cm_handler_kind handler_kind, const char *handler) {
  (void)self;
  (void)handler_kind;
  (void)handler;
  return 1;
}
#endif

static const void *get_extension(void *self, const char *id) {
  (void)self;
#ifdef WITH_STATE
  static const cm_plugin_state state = {sizeof state, 0, save, load, NULL, has_handler, follow, rows, NULL, load_row};
  if (strcmp(id, CM_EXT_STATE) == 0) return &state;
#endif
  (void)id;
  return NULL;
}

static cm_status init(void) { return INIT_STATUS; }

#ifdef NO_START
#define START NULL
#else
#define START start
#endif

static const cm_service_kind kind = {sizeof kind, 0,    KIND_IN_CODE, create,       destroy,
                                     START,       stop, on_message,   get_extension};
#ifdef SECOND_KIND
#ifdef SECOND_REFUSES
static cm_status refuse(void *self, const cm_saved_state *state) {
  (void)self;
  (void)state;
  return CM_REFUSED;
}
static const void *second_extension(void *self, const char *id) {
  static const cm_plugin_state state = {sizeof state, 0, save, refuse, NULL, has_handler, NULL, NULL, NULL, NULL};
  return strcmp(id, CM_EXT_STATE) == 0 ? &state : get_extension(self, id);
}
#else
#define second_extension get_extension
#endif
static const cm_service_kind second = {sizeof second, 0,    SECOND_KIND, create,          destroy,
                                       START,         stop, on_message,  second_extension};
static const cm_service_kind *const kinds[] = {&kind, &second};
#else
static const cm_service_kind *const kinds[] = {&kind};
#endif

#ifdef NO_SYMBOL
CM_EXPORT const cm_plugin something_else
#else
const cm_plugin cellmesh_plugin
#endif
    = {STRUCT_SIZE, ABI_MAJOR_IN_CODE, CM_ABI_MINOR, init, NULL, sizeof kinds / sizeof kinds[0], 0, kinds};
