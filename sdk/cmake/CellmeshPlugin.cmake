# cellmesh_add_plugin(<name>
#   SOURCES <file>...
#   PROTOS <file>...        its messages and settings, and those of others that it sends or handles ("client.proto")
#   [PROTO_DIRS <dir>...]   where they are, besides the current folder and cellmesh's own
#   [NAME <plugin>]         the plugin's name, where it is not that of the target: of another build of the same plugin
#   [PROVIDES <kind>...]    kinds of service that it provides; its name unless said otherwise
#   [REQUIRES <kind>...]    kinds of service that it talks to
#   [SHARES <prefix>...]    shared entries of the KV that it writes (cellmesh/kv.hpp), as token_keys/: what a Consul
#                           policy for its host has to allow
#   [GATEWAY]               it sends clients' messages on to every kind that has a route, as an agent does
#   [VERSION <x.y.z>]       that of the project unless said otherwise
#   [C_ABI]                 it uses the C headers alone, cellmesh/abi/: no C++ classes are generated and nothing of
#                           protobuf is linked. So it is by itself when all SOURCES are C; a plugin in C++ may say it
#   [ROBOT]                 its kinds are robots, which `cellmesh bots` runs and no host does: see cellmesh/robot.hpp
#   [NO_INSTALL])           leave it out of `cmake --install`
#
# A library <name>.so that a cellmesh host loads, reloads and really unloads, in CMAKE_LIBRARY_OUTPUT_DIRECTORY or else
# in plugins/ of the build folder. <name> is an ordinary target: link more to it with target_link_libraries(PRIVATE).
# What is generated for it is included as "<name>.plugin.hpp", by C_ABI plugins as "<name>.plugin.h": the latter has
# the ids of messages as CM_MSG_<FULL_NAME> and the numbers of their fields as CM_FIELD_<FULL_NAME>_<FIELD>.
# With clang and -stdlib=libc++ in CMAKE_CXX_FLAGS, libc++ is linked statically: a shared one would stay in the host.
include_guard(GLOBAL)
include(${CMAKE_CURRENT_LIST_DIR}/CellmeshCodegen.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/CellmeshPluginTest.cmake)

function(cellmesh_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 A "C_ABI;GATEWAY;ROBOT;NO_INSTALL" "NAME;VERSION"
                        "SOURCES;PROTOS;PROTO_DIRS;PROVIDES;REQUIRES;SHARES")
  if(A_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "cellmesh_add_plugin(${name}): unknown argument ${A_UNPARSED_ARGUMENTS}; known are SOURCES, "
                        "PROTOS, PROTO_DIRS, NAME, PROVIDES, REQUIRES, SHARES, GATEWAY, VERSION, C_ABI, ROBOT "
                        "and NO_INSTALL")
  endif()
  if(NOT A_SOURCES)
    message(FATAL_ERROR "cellmesh_add_plugin(${name}): name its source files after SOURCES")
  endif()
  if(NOT A_PROTOS)
    message(FATAL_ERROR "cellmesh_add_plugin(${name}): name the .proto files of its messages after PROTOS, its own and "
                        "those of others that it uses, as client.proto")
  endif()
  if(NOT A_NAME)
    set(A_NAME ${name})
  endif()
  if(NOT A_PROVIDES)
    set(A_PROVIDES ${A_NAME})
  endif()
  _cellmesh_plugin_version(version "${A_VERSION}")
  set(cxx_sources ${A_SOURCES})
  list(FILTER cxx_sources EXCLUDE REGEX "\\.[ch]$")
  if(NOT cxx_sources)
    set(A_C_ABI ON)
  endif()
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(NOT CXX IN_LIST languages AND (cxx_sources OR NOT A_C_ABI))
    message(FATAL_ERROR "cellmesh_add_plugin(${name}): ${cxx_sources} is not C, and this project is; add CXX to the "
                        "LANGUAGES of project()")
  endif()

  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.gen)
  set(parameters plugin=${A_NAME} version=${version})
  foreach(kind IN LISTS A_PROVIDES)
    list(APPEND parameters provides=${kind})
  endforeach()
  foreach(kind IN LISTS A_REQUIRES)
    list(APPEND parameters requires=${kind})
  endforeach()
  foreach(prefix IN LISTS A_SHARES)
    list(APPEND parameters shares=${prefix})
  endforeach()
  if(A_GATEWAY)
    list(APPEND parameters gateway=true)
  endif()
  if(A_ROBOT)
    list(APPEND parameters robot=true)
  endif()
  set(runtime lite)
  set(header ${A_NAME}.plugin.hpp)
  set(links cellmesh::sdk protobuf::libprotobuf-lite)
  if(A_C_ABI)
    set(runtime none)
    set(header ${A_NAME}.plugin.h)
    set(links cellmesh::abi)
  endif()
  cellmesh_generate(generated OUTPUT ${output} RUNTIME ${runtime} PROTOS ${A_PROTOS} PROTO_DIRS ${A_PROTO_DIRS}
    PARAMETERS ${parameters} ALSO ${header} ${A_NAME}.manifest.c)
  # The manifest's section holds its bytes and nothing else, not a sanitizer's padding.
  set_source_files_properties(${output}/${A_NAME}.manifest.c PROPERTIES COMPILE_OPTIONS "-w;-fno-sanitize=all")

  set(runtime ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin)
  add_library(${name} MODULE ${A_SOURCES} ${generated_ALL} ${runtime}/unload.c)
  if(cxx_sources)
    target_sources(${name} PRIVATE ${runtime}/libcxx.cpp)
  endif()
  target_include_directories(${name} SYSTEM PRIVATE ${output})
  target_compile_definitions(${name} PRIVATE "CELLMESH_PLUGIN_MESSAGES=\"${header}\"")
  target_link_libraries(${name} PRIVATE ${links} Threads::Threads)
  _cellmesh_unloadable(${name} ${runtime}/exports.map)

  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX .so C_STANDARD 11 DEFINE_SYMBOL "")
  # What cellmesh_add_plugin_test() makes classes from where the plugin has none.
  set_target_properties(${name} PROPERTIES
    CELLMESH_GENERATED "${output}" CELLMESH_HEADER "${A_NAME}.plugin.hpp" CELLMESH_C_ABI "${A_C_ABI}"
    CELLMESH_PROTOS "${A_PROTOS}" CELLMESH_PROTO_DIRS "${A_PROTO_DIRS}" CELLMESH_PARAMETERS "${parameters}")
  if(NOT CMAKE_LIBRARY_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  endif()
  if(NOT A_NO_INSTALL)
    include(GNUInstallDirs)
    install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/cellmesh/plugins)
  endif()
endfunction()

# What makes dlclose() unload a library: one exported symbol, so that nothing in it is found by, or bound to, another,
# and none is unique in the process (gcc's -fno-gnu-unique would do that, too, but clangd does not know it); everything
# resolved when it is loaded.
function(_cellmesh_unloadable name exports)
  set_target_properties(${name} PROPERTIES
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_link_options(${name} PRIVATE -Wl,--version-script=${exports} -Wl,-z,now -Wl,--build-id -Wl,--exclude-libs,ALL)
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${exports})
  get_directory_property(options COMPILE_OPTIONS)
  set(flags "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS} ${options}")
  # A sanitizer of clang's has its runtime in the program only: its symbols are undefined in a library.
  if(NOT ("${CMAKE_C_COMPILER_ID} ${CMAKE_CXX_COMPILER_ID}" MATCHES "Clang" AND flags MATCHES "-fsanitize="))
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  if(flags MATCHES "-stdlib=libc[+][+]")
    target_link_options(${name} PRIVATE $<$<LINK_LANGUAGE:CXX>:-static-libstdc++>)
  endif()
endfunction()

function(_cellmesh_plugin_version variable version)
  if(NOT version)
    set(version 0.0.0)
    if(PROJECT_VERSION)
      foreach(part MAJOR MINOR PATCH)
        math(EXPR ${part} "0${PROJECT_VERSION_${part}}")
      endforeach()
      set(version ${MAJOR}.${MINOR}.${PATCH})
    endif()
  endif()
  set(${variable} ${version} PARENT_SCOPE)
endfunction()
