#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cellmesh/abi/channel.h"
#include "cellmesh/abi/client_address.h"
#include "cellmesh/abi/client_origin.h"
#include "cellmesh/abi/clients.h"
#include "cellmesh/abi/directory.h"
#include "cellmesh/abi/gateway.h"
#include "cellmesh/abi/kv.h"
#include "cellmesh/abi/message.h"
#include "cellmesh/abi/offload.h"
#include "cellmesh/abi/plugin.h"
#include "cellmesh/abi/settings.h"
#include "cellmesh/abi/state.h"
#include "cellmesh/abi/timer.h"
#include "plugin/blocking_pool.hpp"
#include "plugin/generation.hpp"

namespace cm::plugin {

class Service;

// What a service is made of in one generation of its plugin: the object that the plugin created, the hooks that it has,
// and the cm_host that it was given. Owned by its service and used on that one's thread, but for `generation`.
struct Instance {
  enum class Phase : std::uint8_t {
    creating,
    taking_over,  // made to take the place of another: nothing that it does may be seen outside
    starting,
    running,
    stopping,
    destroying
  };

  // Constant after construction.
  Service* service = nullptr;
  std::shared_ptr<Generation> generation;
  const cm_service_kind* kind = nullptr;
  cm_host host{};

  std::optional<std::string> settings;  // serialized
  Phase phase = Phase::creating;
  void* self = nullptr;
  std::shared_ptr<JobGate> jobs = std::make_shared<JobGate>();

  // Null: it does not implement them.
  const cm_plugin_message* message_ext = nullptr;
  const cm_plugin_timer* timer_ext = nullptr;
  const cm_plugin_settings* settings_ext = nullptr;
  const cm_plugin_clients* clients_ext = nullptr;
  const cm_plugin_gateway* gateway_ext = nullptr;
  const cm_plugin_directory* directory_ext = nullptr;
  const cm_plugin_channel* channel_ext = nullptr;
  const cm_plugin_offload* offload_ext = nullptr;
  const cm_plugin_kv* kv_ext = nullptr;
  const cm_plugin_client_address* address_ext = nullptr;
  const cm_plugin_client_origin* origin_ext = nullptr;
  const cm_plugin_state* state_ext = nullptr;
};

}  // namespace cm::plugin
