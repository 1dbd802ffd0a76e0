# cellmesh_add_plugin(<name>
#   SOURCES <file>...
#   PROTOS <file>...        its messages and settings, and those of others that it sends or handles ("client.proto")
#   [PROTO_DIRS <dir>...]   where they are, besides the current folder and cellmesh's own
#   [PROVIDES <kind>...]    kinds of service that it provides; its name unless said otherwise
#   [REQUIRES <kind>...]    kinds of service that it talks to
#   [VERSION <x.y.z>]       that of the project unless said otherwise
#   [NO_INSTALL])           leave it out of `cmake --install`
#
# A library <name>.so that a cellmesh host loads, reloads and really unloads, in CMAKE_LIBRARY_OUTPUT_DIRECTORY or else
# in plugins/ of the build folder. <name> is an ordinary target: link more to it with target_link_libraries(PRIVATE).
include_guard(GLOBAL)
include(${CMAKE_CURRENT_LIST_DIR}/CellmeshCodegen.cmake)

function(cellmesh_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 A "NO_INSTALL" "VERSION" "SOURCES;PROTOS;PROTO_DIRS;PROVIDES;REQUIRES")
  if(A_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "cellmesh_add_plugin(${name}): unknown argument ${A_UNPARSED_ARGUMENTS}; known are SOURCES, "
                        "PROTOS, PROTO_DIRS, PROVIDES, REQUIRES, VERSION and NO_INSTALL")
  endif()
  if(NOT A_SOURCES)
    message(FATAL_ERROR "cellmesh_add_plugin(${name}): name its source files after SOURCES")
  endif()
  if(NOT A_PROTOS)
    message(FATAL_ERROR "cellmesh_add_plugin(${name}): name the .proto files of its messages after PROTOS, its own and "
                        "those of others that it uses, as client.proto")
  endif()
  if(NOT A_PROVIDES)
    set(A_PROVIDES ${name})
  endif()
  _cellmesh_plugin_version(version "${A_VERSION}")

  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.gen)
  set(parameters plugin=${name} version=${version})
  foreach(kind IN LISTS A_PROVIDES)
    list(APPEND parameters provides=${kind})
  endforeach()
  foreach(kind IN LISTS A_REQUIRES)
    list(APPEND parameters requires=${kind})
  endforeach()
  cellmesh_generate(generated OUTPUT ${output} RUNTIME lite PROTOS ${A_PROTOS} PROTO_DIRS ${A_PROTO_DIRS}
    PARAMETERS ${parameters} ALSO ${name}.plugin.hpp ${name}.manifest.c)
  # The manifest's section holds its bytes and nothing else, not a sanitizer's padding.
  set_source_files_properties(${output}/${name}.manifest.c PROPERTIES COMPILE_OPTIONS "-w;-fno-sanitize=all")

  set(runtime ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin)
  add_library(${name} MODULE ${A_SOURCES} ${generated_ALL} ${runtime}/unload.c)
  target_include_directories(${name} SYSTEM PRIVATE ${output})
  target_compile_definitions(${name} PRIVATE "CELLMESH_PLUGIN_MESSAGES=\"${name}.plugin.hpp\"")
  target_link_libraries(${name} PRIVATE cellmesh::sdk protobuf::libprotobuf-lite Threads::Threads)
  _cellmesh_unloadable(${name} ${runtime}/exports.map)

  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX .so C_STANDARD 11 DEFINE_SYMBOL "")
  if(NOT CMAKE_LIBRARY_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  endif()
  if(NOT A_NO_INSTALL)
    include(GNUInstallDirs)
    install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/cellmesh/plugins)
  endif()
endfunction()

# What makes dlclose() unload a library: one exported symbol, so that nothing in it is found by, or bound to, another;
# no symbols that are unique in the process; everything resolved when it is loaded.
function(_cellmesh_unloadable name exports)
  set_target_properties(${name} PROPERTIES
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE -Wl,--version-script=${exports} -Wl,-z,now -Wl,--build-id -Wl,--exclude-libs,ALL)
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${exports})
  # A sanitizer of clang's has its runtime in the program only: its symbols are undefined in a library.
  get_directory_property(options COMPILE_OPTIONS)
  if(NOT (CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND "${CMAKE_CXX_FLAGS} ${options}" MATCHES "-fsanitize="))
    target_link_options(${name} PRIVATE -Wl,-z,defs)
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
