# cellmesh_add_plugin_test(<name>
#   PLUGIN <plugin>       a plugin made by cellmesh_add_plugin()
#   SOURCES <file>...     tests, which include <cellmesh/testkit.hpp>
#   [LINKS <target>...])  what they link besides
#
# A GoogleTest program from the plugin's own objects, its generated code and the testkit, run by ctest: no process, no
# network. Debian's libgtest-dev and libgmock-dev have GoogleTest; or make the target GTest::gtest_main yourself.
#
# A plugin by the C headers alone has no C++ classes of its messages: make them with cellmesh_proto_library(), RUNTIME
# lite, link it to the test and include its "<proto>.cellmesh.hpp".
include_guard(GLOBAL)

function(cellmesh_add_plugin_test name)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "PLUGIN" "SOURCES;LINKS")
  if(A_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "cellmesh_add_plugin_test(${name}): unknown argument ${A_UNPARSED_ARGUMENTS}; known are PLUGIN, "
                        "SOURCES and LINKS")
  endif()
  if(NOT A_SOURCES)
    message(FATAL_ERROR "cellmesh_add_plugin_test(${name}): name its source files after SOURCES")
  endif()
  set(generated)
  if(TARGET "${A_PLUGIN}")
    get_target_property(generated ${A_PLUGIN} CELLMESH_GENERATED)
  endif()
  if(NOT generated)
    message(FATAL_ERROR "cellmesh_add_plugin_test(${name}): name after PLUGIN what cellmesh_add_plugin() made, not "
                        "\"${A_PLUGIN}\"")
  endif()
  if(NOT TARGET GTest::gtest_main)
    find_package(GTest REQUIRED)
  endif()

  # What unloads a plugin is for a library only.
  add_executable(${name} ${A_SOURCES} $<FILTER:$<TARGET_OBJECTS:${A_PLUGIN}>,EXCLUDE,/plugin/unload[.]c[.]>)
  target_include_directories(${name} SYSTEM PRIVATE ${generated})
  target_include_directories(${name} PRIVATE $<TARGET_PROPERTY:${A_PLUGIN},INCLUDE_DIRECTORIES>)
  # A <plugin>.plugin.h has no types for the testkit to read.
  target_compile_definitions(${name} PRIVATE
    $<FILTER:$<TARGET_PROPERTY:${A_PLUGIN},COMPILE_DEFINITIONS>,EXCLUDE,^CELLMESH_PLUGIN_MESSAGES=.*[.]h.$>)
  target_link_libraries(${name} PRIVATE
    cellmesh::testkit $<TARGET_PROPERTY:${A_PLUGIN},LINK_LIBRARIES> ${A_LINKS}
    $<IF:$<TARGET_EXISTS:GTest::gmock_main>,GTest::gmock_main,GTest::gtest_main>)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
