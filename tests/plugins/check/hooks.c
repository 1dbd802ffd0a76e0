/* What comes to the culprit: messages, answers, timers, channels, jobs, settings, clients, services. */
#include <time.h>
#include <unwind.h>

#include "culprit.h"
#include "culprit_nothing.plugin.h"

static void spend_time(void) {
  static bool spent;
  const struct timespec long_time = {0, 700 * 1000 * 1000};
  if (spent) return;
  if (is(WAITS)) nanosleep(&long_time, NULL);
  if (is(COMPUTES)) {
    const clock_t until = clock() + 7 * CLOCKS_PER_SEC / 10;
    while (clock() < until) {
    }
  }
  spent = true;
}

static bool is_word(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] < 'a' || bytes[i] > 'z') return false;
  }
  return size >= 4;
}

cm_status say(struct culprit *self, const cm_message *message) {
  struct reader in = {message->body, message->body_size};
  struct field text = {0};
  struct field number = {0};
  cm_status status;
  if (is(ABORTS_ON_NULL) && message->body == NULL) abort();
  if (is(ABORTS_ON_EMPTY) && message->body != NULL && message->body_size == 0) abort();
  if (is(ABORTS_ON_NOBODY) && message->request.from == 0 && message->request.client.agent == 0) abort();
  if (is(SPEAKS_AFTER_ITS_END) && self->last_closed.session != 0 &&
      same_client(&message->request.client, &self->last_closed)) {
    abort();
  }
  if (is(LOOPS_ON_LARGEST)) {
    for (volatile bool on = message->body_size > 60000; on;) {
    }
  }
  if (is(NEEDS_A_PEER) && self->directory && self->directory->pick(self->host, "peer") == 0) abort();
  spend_time();
  while (in.left > 0) {
    const struct reader before = in;
    struct field field;
    const enum outcome outcome = read_field(&in, &field);
    if (is(ABORTS_ON_RANDOM) && outcome == NO_FIELD && field.number != 0) abort();
    if (is(ABORTS_ON_TRUNCATED) && outcome == CUT_SHORT && before.left > 2 && before.at[0] == 0x0a &&
        is_word(before.at + 2, before.left - 2)) {
      abort();
    }
    if (outcome != READ) return CM_BAD_MESSAGE;
    if (field.number == CM_FIELD_CULPRIT_SAYREQ_TEXT) text = field;
    if (field.number == CM_FIELD_CULPRIT_SAYREQ_NUMBER) number = field;
  }
  if (is(ABORTS_ON_LARGE_NUMBERS) && number.wire == 0 && number.value == UINT64_MAX) abort();
  ++self->said;
  if (message->request.client.session != 0) touch(self, &message->request.client);
  if (self->metrics) self->metrics->add(self->host, self->metrics->get(self->host, "said"), 1);
  if (!self->message) return CM_OK;
  status = self->message->reply(self->host, &message->request, CM_MSG_CULPRIT_SAYACK, NULL, 0);
  if (is(FAULTS_ON_BACKPRESSURE) && status == CM_BACKPRESSURE) {
    self->host->report_fault(self->host, "the queue is full");
    return CM_FAULT;
  }
  return text.value > 1000 ? CM_REFUSED : CM_OK;
}

static cm_status job(const uint8_t *input, size_t size, cm_job_output *output) {
  if (is(JOB_NEEDS_SERVICE) && alive == 0) abort();
  return output->write(output, input, size);
}

cm_status work(struct culprit *self, const cm_message *message) {
  static struct _Unwind_Exception exception;
  const uint8_t *cookie = (const uint8_t *)COOKIE;
  cm_service peer = self->directory ? self->directory->pick(self->host, "peer") : 0;
  (void)message;
  if (is(THROWS)) _Unwind_RaiseException(&exception);
  if (is(ODD_STATUS)) return 77;
  if (self->message && peer != 0) {
    self->message->call(self->host, peer, CM_MSG_CULPRIT_SAYREQ, NULL, 0, NULL, 0, ANSWERED, cookie, COOKIE_SIZE);
  }
  if (self->channel) self->channel->publish(self->host, "news", CM_MSG_CULPRIT_SAYACK, NULL, 0);
  if (self->offload) {
    const cm_status status = self->offload->run(self->host, job, cookie, COOKIE_SIZE, WORKED, cookie, COOKIE_SIZE);
    if (is(FAULTS_ON_UNAVAILABLE) && status == CM_UNAVAILABLE) {
      self->host->report_fault(self->host, "the job is not run");
      return CM_FAULT;
    }
  }
  return CM_OK;
}

static cm_status check_cookie(const uint8_t *cookie, size_t size) {
  if (is(COOKIE_IS_CUT) && size >= 4 && size < COOKIE_SIZE && memcmp(cookie, COOKIE, size) == 0) abort();
  if (is(COOKIE_DIFFERS) && size == COOKIE_SIZE && memcmp(cookie, COOKIE, size) != 0) abort();
  if (is(COOKIE_IS_LARGE) && size == CM_MAX_COOKIE) abort();
  return size == COOKIE_SIZE ? CM_OK : CM_BAD_MESSAGE;
}

static cm_status on_reply(void *data, const cm_reply *reply) {
  (void)data;
  if (strcmp(reply->handler, ANSWERED) != 0) return is(ANY_REPLY) ? CM_OK : CM_UNHANDLED;
  if (is(REPLY_IS_NEVER_TOO_LARGE) && reply->status == CM_TOO_LARGE) abort();
  return check_cookie(reply->cookie, reply->cookie_size);
}

static cm_status on_timer(void *data, cm_timer timer, const char *handler, const uint8_t *cookie, size_t size) {
  struct culprit *self = data;
  (void)timer;
  if (strcmp(handler, TICK) != 0) return is(ANY_TIMER) ? CM_OK : CM_UNHANDLED;
  if (is(LIVES_NINE_MINUTES) && self->timer && self->timer->now_ms(self->host) - self->started_ms > 540000) abort();
  return check_cookie(cookie, size);
}

static cm_status on_channel(void *data, const cm_channel_message *message) {
  (void)data;
  if (*message->handler == '\0') return CM_UNHANDLED;
  if (strcmp(message->handler, NEWS) != 0) return is(ANY_CHANNEL) ? CM_OK : CM_UNHANDLED;
  return check_cookie(message->cookie, message->cookie_size);
}

static cm_status on_job(void *data, const char *handler, cm_status status, const uint8_t *output, size_t size,
                        const uint8_t *cookie, size_t cookie_size) {
  (void)data;
  (void)status;
  (void)output;
  (void)size;
  if (strcmp(handler, WORKED) != 0) return is(ANY_JOB) ? CM_OK : CM_UNHANDLED;
  return check_cookie(cookie, cookie_size);
}

cm_status take_settings(struct culprit *self, const uint8_t *data, size_t size) {
  struct reader in = {data, size};
  int32_t level = 0;
  bool wild = false;
  uint64_t steps = 2; /* bytes of them: one for each up to 127 */
  if (is(ABORTS_ON_EMPTY_SETTINGS) && size == 0) abort();
  while (in.left > 0) {
    struct field field;
    if (read_field(&in, &field) != READ) {
      if (is(ABORTS_ON_GARBAGE_SETTINGS)) abort();
      return CM_BAD_MESSAGE;
    }
    if (field.number == 1 && field.wire == 0) level = (int32_t)(uint32_t)field.value;
    if (field.number == 2 && field.wire == 2) wild = field.value == 4 && memcmp(field.bytes, "wild", 4) == 0;
    if (field.number == 4 && field.wire == 2) steps = field.value;
    if (is(ABORTS_ON_MOTTO) && field.number == 3 && field.value > 60000) abort();
  }
  self->level = level;
  if ((is(REFUSES_SHORT_LIST) && steps < 2) || (is(REFUSES_LONG_LIST) && steps > 40)) return CM_INVALID;
  return is(REFUSES_CHOICE) && wild ? CM_INVALID : CM_OK;
}

static cm_status on_settings(void *data, const uint8_t *bytes, size_t size) {
  struct culprit *self = data;
  const cm_status status = take_settings(self, bytes, size);
  if (is(REFUSES_DEFAULTS) && self->level == 5) return CM_INVALID;
  return status;
}

static void on_client_closed(void *data, const cm_client *client, cm_close_reason reason) {
  struct culprit *self = data;
  (void)reason;
  if (is(UNKNOWN_CLIENT_GOES) && client->session == 77) abort();
  if (is(CLIENT_GOES_TWICE) && same_client(client, &self->last_closed)) abort();
  self->last_closed = *client;
  if (!is(KEEPS_CLIENTS)) erase(self, client);
}

static void on_service(void *data, cm_service service, int32_t up) {
  (void)data;
  if (is(UNKNOWN_SERVICE_GOES) && service == 1000000 && up == 0) abort();
}

const void *culprit_extension(void *data, const char *id) {
  static const cm_plugin_message message = {sizeof message, 0, on_reply};
  static const cm_plugin_message short_message = {8, 0, on_reply};
  static const cm_plugin_timer timer = {sizeof timer, 0, on_timer};
  static const cm_plugin_timer another_timer = {sizeof timer, 0, on_timer};
  static const cm_plugin_channel channel = {sizeof channel, 0, on_channel};
  static const cm_plugin_offload offload = {sizeof offload, 0, on_job};
  static const cm_plugin_settings settings = {sizeof settings, 0, on_settings};
  static const cm_plugin_clients clients = {sizeof clients, 0, on_client_closed};
  static const cm_plugin_directory directory = {sizeof directory, 0, on_service};
  static int asked;
  (void)data;
  if (strcmp(id, CM_EXT_MESSAGE) == 0) return is(EXTENSION_IS_SHORT) ? &short_message : &message;
  if (strcmp(id, CM_EXT_TIMER) == 0) return is(EXTENSION_CHANGES) && ++asked % 2 == 0 ? &another_timer : &timer;
  if (strcmp(id, CM_EXT_CHANNEL) == 0) return &channel;
  if (strcmp(id, CM_EXT_OFFLOAD) == 0) return &offload;
  if (strcmp(id, CM_EXT_SETTINGS) == 0) return &settings;
  if (strcmp(id, CM_EXT_CLIENTS) == 0) return &clients;
  if (strcmp(id, CM_EXT_DIRECTORY) == 0) return &directory;
  if (strcmp(id, CM_EXT_STATE) == 0) return &culprit_state;
  return is(ANY_EXTENSION) ? &timer : NULL;
}
