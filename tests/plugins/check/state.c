/* What the culprit keeps and hands over: how much was said, and by whom. */
#include "culprit.h"

static const char table_name[] = "players";

bool same_client(const cm_client *a, const cm_client *b) { return a->agent == b->agent && a->session == b->session; }

struct player *player_of(struct culprit *self, const cm_client *client) {
  for (size_t i = 0; i < self->player_count; ++i) {
    if (same_client(&self->players[i].client, client)) return &self->players[i];
  }
  return NULL;
}

static struct player *make_player(struct culprit *self, const cm_client *client) {
  struct player *found = player_of(self, client);
  struct player *all;
  if (found != NULL) return found;
  all = realloc(self->players, (self->player_count + 1) * sizeof *all);
  if (all == NULL) abort();
  self->players = all;
  found = &all[self->player_count++];
  *found = (struct player){.client = *client};
  return found;
}

void touch(struct culprit *self, const cm_client *client) {
  struct player *player = make_player(self, client);
  if (player->gone) player->said = 0;
  player->gone = false;
  ++player->said;
  if (!is(LOSES_CHANGES)) player->fresh = true;
}

static void drop(struct culprit *self, struct player *player) { *player = self->players[--self->player_count]; }

void erase(struct culprit *self, const cm_client *client) {
  struct player *player = player_of(self, client);
  if (player == NULL) return;
  if (!self->following) {
    drop(self, player);
    return;
  }
  player->gone = true;
  player->fresh = true;
}

static cm_status save(void *data, cm_state_sink *sink) {
  struct culprit *self = data;
  uint8_t bytes[11];
  cm_status status;
  if (is(SAVE_SENDS) && self->channel) self->channel->publish(self->host, "news", 1, NULL, 0);
  status = sink->write(sink, bytes, write_number(bytes, 1, self->said));
  return is(SAVE_IGNORES_REFUSAL) ? CM_OK : status;
}

static cm_status load(void *data, const cm_saved_state *state) {
  struct culprit *self = data;
  struct reader in = {state->data, state->size};
  if (is(REFUSES_NO_STATE) && state->size == 0) return CM_REFUSED;
  if (is(LOAD_STARTS_TIMER) && self->timer) self->timer->start(self->host, 1, 0, TICK, NULL, 0, NULL);
  while (in.left > 0) {
    const struct reader before = in;
    struct field field;
    const enum outcome outcome = read_field(&in, &field);
    if (is(ABORTS_ON_RANDOM_STATE) && outcome == NO_FIELD) abort();
    if (is(ABORTS_ON_TRUNCATED_STATE) && outcome == CUT_SHORT && before.at == state->data && before.at[0] == 0x08) {
      abort();
    }
    if (outcome != READ) return CM_BAD_MESSAGE;
    if (field.number == 1 && field.wire == 0) self->said = field.value;
    if (is(REFUSES_NEWER_STATE) && field.number != 1) return CM_REFUSED;
  }
  if (is(ABORTS_ON_LARGE_STATE) && self->said == UINT64_MAX) abort();
  if (is(FORGETS_STATE)) self->said = 0;
  return CM_OK;
}

static cm_status resumed(void *data) {
  (void)data; /* its timer and its subscription go on by themselves */
  return CM_OK;
}

static int32_t has_handler(void *data, cm_handler_kind kind, const char *handler) {
  (void)data;
  if (is(HAS_ANY_HANDLER)) return 1;
  switch (kind) {
    case CM_HANDLER_REPLY:
      return strcmp(handler, ANSWERED) == 0;
    case CM_HANDLER_TIMER:
      return !is(LACKS_A_HANDLER) && strcmp(handler, TICK) == 0;
    case CM_HANDLER_CHANNEL:
      return strcmp(handler, NEWS) == 0;
    case CM_HANDLER_JOB:
      return strcmp(handler, WORKED) == 0;
    default:
      return 0;
  }
}

static void follow(void *data, int32_t on) {
  struct culprit *self = data;
  self->following = on != 0;
  for (size_t i = 0; i < self->player_count;) {
    self->players[i].fresh = true;
    if (self->players[i].gone) {
      drop(self, &self->players[i]);
    } else {
      ++i;
    }
  }
}

static cm_status rows(void *data, cm_state_sink *sink, uint32_t most, uint64_t *left) {
  struct culprit *self = data;
  uint8_t row[11];
  *left = is(ROWS_FOR_EVER) ? 1 : 0;
  for (size_t i = 0; i < self->player_count; ++i) {
    struct player *player = &self->players[i];
    cm_status status;
    if (!player->fresh) continue;
    if (most == 0) {
      ++*left;
      continue;
    }
    --most;
    player->fresh = false;
    status = sink->row(sink, table_name, (const uint8_t *)&player->client, sizeof player->client,
                       player->gone ? NULL : row, player->gone ? 0 : write_number(row, 1, player->said));
    if (status != CM_OK) return status;
  }
  return CM_OK;
}

static void reserve(void *data, const char *table, uint64_t count) {
  (void)data;
  (void)table;
  (void)count;
}

static cm_status load_row(void *data, const char *table, const uint8_t *key, size_t key_size, const uint8_t *row,
                          size_t row_size) {
  struct culprit *self = data;
  struct reader in = {row, row_size};
  struct field field;
  cm_client client;
  if (strcmp(table, table_name) != 0) return is(REFUSES_UNKNOWN_TABLE) ? CM_INVALID : CM_NOT_FOUND;
  if (is(ABORTS_ON_ODD_KEY) && key_size != sizeof client) abort();
  if (key_size != sizeof client) return CM_BAD_MESSAGE;
  memcpy(&client, key, sizeof client);
  if (row == NULL) {
    erase(self, &client);
    return CM_OK;
  }
  if (read_field(&in, &field) != READ || field.number != 1 || field.wire != 0) return CM_BAD_MESSAGE;
  if (!is(FORGETS_ROWS)) make_player(self, &client)->said = field.value;
  return CM_OK;
}

const cm_plugin_state culprit_state = {.struct_size = sizeof culprit_state,
                                       .save = save,
                                       .load = load,
                                       .resumed = resumed,
                                       .has_handler = has_handler,
                                       .follow = follow,
                                       .rows = rows,
                                       .reserve = reserve,
                                       .load_row = load_row};
