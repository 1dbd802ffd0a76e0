/* Every function of the host, by the word that asks for it. */
#include <string.h>

#include "service.h"

#define BYTES(text) (const uint8_t *)(text), strlen(text)
#define TEXT(text) text, strlen(text)
#define COOKIE(request) (const uint8_t *)(request), sizeof *(request)

static cm_status do_send(struct service *self, const cm_request *from, struct text *out, int *later) {
  (void)later;
  say(out, "send %d", self->message->send(self->host, from->from, CM_MSG_EVERY_DOACK, BYTES("sent")));
  say(out, ", to nobody %d", self->message->send(self->host, 0, CM_MSG_EVERY_DOACK, NULL, 0));
  return CM_OK;
}

static cm_status do_call(struct service *self, const cm_request *from, struct text *out, int *later) {
  (void)out;
  *later = 1;
  return self->message->call(self->host, from->from, CM_MSG_EVERY_DOREQ, BYTES("ping"), &from->client, 60000,
                             "answered", COOKIE(from));
}

static cm_status do_refuse(struct service *self, const cm_request *from, struct text *out, int *later) {
  (void)out;
  *later = 1;
  return self->message->reply_status(self->host, from, CM_REFUSED);
}

static cm_status do_timer(struct service *self, const cm_request *from, struct text *out, int *later) {
  cm_timer timer = 0;
  (void)out;
  *later = 1;
  return self->timer->start(self->host, 1, 0, "tick", COOKIE(from), &timer);
}

static cm_status do_cancel(struct service *self, const cm_request *from, struct text *out, int *later) {
  cm_timer timer = 0;
  const uint64_t now = self->timer->now_ms(self->host);
  (void)later;
  say(out, "start %d", self->timer->start(self->host, 3600000, 3600000, "tick", COOKIE(from), &timer));
  say(out, ", cancel %d", self->timer->cancel(self->host, timer));
  say(out, ", again %d", self->timer->cancel(self->host, timer));
  say(out, ", the clock goes %s", self->timer->now_ms(self->host) >= now ? "forward" : "back");
  return CM_OK;
}

static cm_status job(const uint8_t *input, size_t size, cm_job_output *output) {
  cm_status status = CM_OK;
  while (size > 0 && status == CM_OK) status = output->write(output, &input[--size], 1);
  return status;
}

static cm_status do_offload(struct service *self, const cm_request *from, struct text *out, int *later) {
  (void)out;
  *later = 1;
  return self->offload->run(self->host, job, BYTES("stressed"), "worked", COOKIE(from));
}

static cm_status do_settings(struct service *self, const cm_request *from, struct text *out, int *later) {
  (void)from, (void)later;
  return self->settings->get(self->host, add_bytes, out);
}

static cm_status do_metrics(struct service *self, const cm_request *from, struct text *out, int *later) {
  const cm_metric counter = self->metrics->get(self->host, "counted");
  const cm_metric gauge = self->metrics->get(self->host, "measured");
  (void)from, (void)later;
  self->metrics->add(self->host, counter, 3);
  self->metrics->set(self->host, gauge, -4);
  say(out, "%s, and no bad name%s", counter != 0 && gauge != 0 && counter != gauge ? "two metrics" : "not two metrics",
      self->metrics->get(self->host, "Bad Name") == 0 ? "" : " was refused");
  return CM_OK;
}

static cm_status do_log(struct service *self, const cm_request *from, struct text *out, int *later) {
  (void)from, (void)later;
  say(out, "errors are %s", self->log->enabled(self->host, CM_LOG_ERROR) ? "logged" : "not logged");
  self->log->write(self->host, CM_LOG_INFO, "a line of 1.0", strlen("a line of 1.0"));
  return CM_OK;
}

static void add_service(void *ctx, const cm_service_info *info) {
  say(ctx, "[%s %s %s %u %s%s]", info->id, info->kind, info->group, info->index, info->load_known ? "loaded " : "",
      info->public_address);
}

static cm_status do_directory(struct service *self, const cm_request *from, struct text *out, int *later) {
  char name[64];
  (void)later;
  say(out, "%s", self->directory->find(self->host, "remote#0@test") == from->from ? "found " : "not found ");
  say(out, "%u ", (unsigned)self->directory->name(self->host, from->from, name, sizeof name));
  say(out, "%s ", name);
  say(out, "%d", self->directory->get(self->host, from->from, add_service, out));
  say(out, " picked %s ", self->directory->pick(self->host, "remote") == from->from ? "it" : "another");
  self->directory->list(self->host, "remote", add_service, out);
  self->directory->set_load_of(self->host, from->from, 9, 600000);
  self->directory->set_load(self->host, 5);
  return CM_OK;
}

static cm_status do_channel(struct service *self, const cm_request *from, struct text *out, int *later) {
  (void)later;
  say(out, "subscribe %d", self->channel->subscribe(self->host, "news", "heard", COOKIE(from)));
  say(out, ", publish %d", self->channel->publish(self->host, "news", CM_MSG_EVERY_DOACK, BYTES("news")));
  say(out, ", unsubscribe %d", self->channel->unsubscribe(self->host, "olds"));
  return CM_OK;
}

static cm_status do_clients(struct service *self, const cm_request *from, struct text *out, int *later) {
  const cm_host *host = self->host;
  const cm_host_clients *clients = self->clients;
  const cm_client list[2] = {from->client, {from->client.agent, 0, from->client.session + 1}};
  (void)later;
  say(out, "send %d", clients->send(host, &list[0], CM_MSG_EVERY_DOACK, BYTES("one")));
  say(out, ", list %d", clients->send_list(host, list, 2, CM_MSG_EVERY_DOACK, BYTES("two")));
  say(out, ", broadcast %d", clients->broadcast(host, list[0].agent, CM_MSG_EVERY_DOACK, BYTES("all")));
  say(out, ", bind %d", clients->bind(host, &list[0]));
  say(out, ", unbind %d", clients->unbind(host, &list[0]));
  say(out, ", close %d", clients->close(host, &list[0], CM_CLOSE_KICKED, "bye"));
  say(out, ", close list %d", clients->close_list(host, list, 2, CM_CLOSE_DONE, NULL));
  say(out, ", close all %d", clients->close_all(host, list[0].agent, CM_CLOSE_GOING_DOWN, "all"));
  return CM_OK;
}

static cm_status do_gateway(struct service *self, const cm_request *from, struct text *out, int *later) {
  const cm_host *host = self->host;
  const cm_host_gateway *gateway = self->gateway;
  const cm_client own = {host->self, 0, 41};
  const cm_frontend_options options = {.struct_size = sizeof options, .max_clients = 10, .ping_id = CM_MSG_EVERY_DOREQ, .ping_timeout_ms = 40000};
  uint64_t admitted = 0;
  uint64_t clients;
  (void)later;
  say(out, "port %u", self->port);
  say(out, ", update %d", gateway->update(host, &options));
  say(out, ", intercept %d", gateway->intercept(host, CM_MSG_EVERY_DOREQ));
  say(out, ", release %d", gateway->release(host, &own));
  say(out, ", admit %d", gateway->admit(host, &own));
  say(out, ", bind %d", gateway->bind(host, &own, from->from));
  say(out, ", unbind %d", gateway->unbind(host, &own, "remote"));
  clients = gateway->client_count(host, &admitted);
  say(out, ", clients %u of them admitted %u", (unsigned)clients, (unsigned)admitted);
  return CM_OK;
}

static void add_listener(void *ctx, const cm_listener_info *info) {
  say(ctx, " [%u %d %u %s]", info->number, info->transport, info->port, info->url);
}

static cm_status do_listeners(struct service *self, const cm_request *from, struct text *out, int *later) {
  const cm_host *host = self->host;
  const cm_host_listeners *listeners = self->listeners;
  const cm_frontend_options frontend = {.struct_size = sizeof frontend};
  const cm_listener_options options = {.struct_size = sizeof options,
                                       .transport = CM_TRANSPORT_WS,
                                       .origins = "*",
                                       .page_type = "text/plain",
                                       .page = (const uint8_t *)"page",
                                       .page_size = 4,
                                       .subprotocols = "binary",
                                       .ping_interval_ms = 20000,
                                       .peer_timeout_ms = CM_NEVER};
  uint32_t number = 0;
  (void)from, (void)later;
  say(out, "open again %d", listeners->open(host, &frontend, &options, &number));
  say(out, ", add %d", listeners->add(host, &options, &number));
  say(out, ", number %u", number);
  say(out, ", update %d", listeners->update(host, number, &options));
  say(out, ", of none %d", listeners->update(host, 9, &options));
  say(out, ", list");
  say(out, " %d", listeners->list(host, add_listener, out));
  return CM_OK;
}

static cm_status do_protocol(struct service *self, const cm_request *from, struct text *out, int *later) {
  const cm_host *host = self->host;
  const cm_client own = {host->self, 0, 41};
  const cm_client other = {host->self + 1, 0, 41};
  (void)from, (void)later;
  say(out, "default %d", self->client_protocol->set_default(host, 1));
  say(out, ", client %d", self->client_protocol->set(host, &own, 2));
  say(out, ", of another %d", self->client_protocol->set(host, &other, 2));
  say(out, ", none %d", self->client_protocol->set(host, &own, 0));
  return CM_OK;
}

static cm_status do_audit(struct service *self, const cm_request *from, struct text *out, int *later) {
  const cm_audit_field fields[] = {{"uid", TEXT("ann 1\n")}, {"amount", TEXT("-100")}, {"note", NULL, 0}};
  const cm_audit_field of_the_host = {"service", TEXT("x")};
  const cm_audit_field large = {"uid", "", CM_MAX_AUDIT_VALUE + 1};
  (void)from, (void)later;
  say(out, "write %d", self->audit->write(self->host, fields, 3));
  say(out, ", no fields %d", self->audit->write(self->host, fields, 0));
  say(out, ", the host's name %d", self->audit->write(self->host, &of_the_host, 1));
  say(out, ", too large %d", self->audit->write(self->host, &large, 1));
  return CM_OK;
}

static void add_health(void *ctx, const cm_service_info *info) { say(ctx, ", %s", info->unhealthy); }

static cm_status do_health(struct service *self, const cm_request *from, struct text *out, int *later) {
  const cm_host *host = self->host;
  (void)from;
  (void)later;
  say(out, "no reason %d", self->health->unhealthy(host, ""));
  say(out, ", unhealthy %d", self->health->unhealthy(host, "sick"));
  self->directory->get(host, host->self, add_health, out);
  say(out, ", picked %u", (unsigned)self->directory->pick(host, host->kind));
  say(out, ", healthy %d", self->health->healthy(host));
  self->directory->get(host, host->self, add_health, out);
  return CM_OK;
}

static cm_status do_kv(struct service *self, const cm_request *from, struct text *out, int *later) {
  const cm_host *host = self->host;
  (void)from, (void)later;
  say(out, "watch %d", self->kv->watch(host, "notes/"));
  say(out, ", publish %d", self->kv->publish(host, "notes/one", BYTES("good")));
  say(out, ", no name %d", self->kv->publish(host, "notes/", BYTES("bad")));
  say(out, ", remove %d", self->kv->remove(host, "notes/two"));
  say(out, ", unwatch %d", self->kv->unwatch(host, "others/"));
  return CM_OK;
}

static cm_status do_host(struct service *self, const cm_request *from, struct text *out, int *later) {
  const cm_host *host = self->host;
  (void)from, (void)later;
  say(out, "%s %s %s %u%s%s%s", host->service_id, host->kind, host->group, host->index, host->self != 0 ? " self" : "",
      host->struct_size >= sizeof *host && host->abi_major == 1 ? " abi 1" : "", initialised ? " initialised" : "");
  say(out, "%s", host->get_extension(host, "cellmesh.unknown/9") == NULL ? "" : " unknown");
  return CM_OK;
}

static cm_status do_fault(struct service *self, const cm_request *from, struct text *out, int *later) {
  (void)from, (void)out, (void)later;
  self->host->report_fault(self->host, "as it was asked");
  return CM_FAULT;
}

static cm_status do_events(struct service *self, const cm_request *from, struct text *out, int *later) {
  (void)from, (void)later;
  *out = self->events;
  self->events.size = 0;
  return CM_OK;
}

/* One more note, by the letter of the number that was asked so far, and all that there are. */
static cm_status do_note(struct service *self, const cm_request *from, struct text *out, int *later) {
  (void)from, (void)later;
  struct note *note = &self->notes[self->asked % 26];
  *note = (struct note){(uint8_t)('a' + self->asked % 26), self->asked, 1, 1};
  for (size_t i = 0; i < 26; ++i) {
    if (self->notes[i].there) say(out, "%c%u ", self->notes[i].key, self->notes[i].value);
  }
  say(out, "of %u", self->asked);
  return CM_OK;
}

static const struct {
  const char *word;
  cm_status (*run)(struct service *self, const cm_request *from, struct text *out, int *later);
} commands[] = {
    {"send", do_send},       {"call", do_call},           {"refuse", do_refuse},     {"timer", do_timer},

    {"cancel", do_cancel},   {"offload", do_offload},     {"settings", do_settings}, {"metrics", do_metrics},
    {"log", do_log},         {"directory", do_directory}, {"channel", do_channel},   {"clients", do_clients},
    {"gateway", do_gateway}, {"host", do_host},           {"fault", do_fault},       {"events", do_events},
    {"note", do_note},       {"listeners", do_listeners}, {"kv", do_kv}, {"protocol", do_protocol},
    {"audit", do_audit},
    {"health", do_health},
};

cm_status run_command(struct service *self, const cm_message *message, struct text *out, int *later) {
  for (size_t i = 0; i < sizeof commands / sizeof *commands; ++i) {
    const char *word = commands[i].word;
    if (strlen(word) == message->body_size && memcmp(word, message->body, message->body_size) == 0) {
      return commands[i].run(self, &message->request, out, later);
    }
  }
  return CM_BAD_MESSAGE;
}
