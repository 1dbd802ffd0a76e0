# cellmesh_add_plugin_test(<name>
#   PLUGIN <plugin>       a plugin made by cellmesh_add_plugin(), in C++ or in C
#   SOURCES <file>...     tests in C++, which include <cellmesh/testkit.hpp>
#   [LINKS <target>...])  what they link besides
#
# A GoogleTest program from the plugin's own objects, the C++ classes of its messages and the testkit, run by ctest: no
# process, no network. Debian's libgtest-dev and libgmock-dev have GoogleTest; or make GTest::gtest_main yourself.
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
  if(NOT TARGET cellmesh::testkit)
    message(FATAL_ERROR "cellmesh_add_plugin_test(${name}): tests are in C++, and this project is not; add CXX to the "
                        "LANGUAGES of project()")
  endif()
  if(NOT TARGET GTest::gtest_main)
    find_package(GTest REQUIRED)
  endif()

  # What unloads a plugin is for a library only.
  add_executable(${name} ${A_SOURCES} $<FILTER:$<TARGET_OBJECTS:${A_PLUGIN}>,EXCLUDE,/plugin/unload[.]c[.]>)
  get_target_property(c_abi ${A_PLUGIN} CELLMESH_C_ABI)
  if(c_abi)
    _cellmesh_classes_of(${A_PLUGIN} ${name})
  else()
    target_include_directories(${name} SYSTEM PRIVATE ${generated})
    target_compile_definitions(${name} PRIVATE $<TARGET_PROPERTY:${A_PLUGIN},COMPILE_DEFINITIONS>)
  endif()
  target_include_directories(${name} PRIVATE $<TARGET_PROPERTY:${A_PLUGIN},INCLUDE_DIRECTORIES>)
  target_link_libraries(${name} PRIVATE
    cellmesh::testkit $<TARGET_PROPERTY:${A_PLUGIN},LINK_LIBRARIES> ${A_LINKS}
    $<IF:$<TARGET_EXISTS:GTest::gmock_main>,GTest::gmock_main,GTest::gtest_main>)
  add_test(NAME ${name} COMMAND ${name})
endfunction()

# Gives a test the classes of the messages of a plugin that has none.
function(_cellmesh_classes_of plugin test)
  foreach(word HEADER PROTOS PROTO_DIRS PARAMETERS)
    get_target_property(${word} ${plugin} CELLMESH_${word})
  endforeach()
  get_target_property(source_dir ${plugin} SOURCE_DIR)
  set(dirs ${source_dir})
  foreach(dir IN LISTS PROTO_DIRS)
    get_filename_component(dir ${dir} ABSOLUTE BASE_DIR ${source_dir})
    list(APPEND dirs ${dir})
  endforeach()
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${test}.gen)
  cellmesh_generate(classes OUTPUT ${output} RUNTIME lite PROTOS ${PROTOS} PROTO_DIRS ${dirs} PARAMETERS ${PARAMETERS}
    ALSO ${HEADER})
  target_sources(${test} PRIVATE ${classes_ALL})
  target_include_directories(${test} SYSTEM PRIVATE ${output})
  target_compile_definitions(${test} PRIVATE "CELLMESH_PLUGIN_MESSAGES=\"${HEADER}\"")
  target_link_libraries(${test} PRIVATE cellmesh::sdk protobuf::libprotobuf-lite)
endfunction()
