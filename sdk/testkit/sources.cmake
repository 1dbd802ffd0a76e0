# The testkit's own sources: read by CMakeLists.txt beside it, and by the installed package, which builds it with the
# compiler and the options of whoever tests with it.
set(CELLMESH_TESTKIT_SOURCES
  clock.cpp
  ext_audit.cpp
  ext_channel.cpp
  ext_client_protocol.cpp
  ext_clients.cpp
  ext_directory.cpp
  ext_gateway.cpp
  ext_health.cpp
  ext_kv.cpp
  ext_listeners.cpp
  ext_log.cpp
  ext_message.cpp
  ext_metrics.cpp
  ext_offload.cpp
  ext_settings.cpp
  ext_timer.cpp
  extensions.cpp
  generation.cpp
  hooks.cpp
  host_side.cpp
  memory_host.cpp
  records.cpp
  reload.cpp
  stage.cpp)
