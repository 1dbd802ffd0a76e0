# Code from .proto files with protoc-gen-cellmesh. Used by CellmeshPlugin.cmake, and by what is no plugin: clients, tests.
include_guard(GLOBAL)

# cellmesh_generate(<variable>
#   OUTPUT <dir>            where the files go
#   RUNTIME <which>         lite or full: the protobuf runtime of the classes; none: no C++ at all, for a plugin in C;
#                           js: JavaScript
#   PROTOS <file>...        as they are imported ("client.proto"), or by path
#   [PROTO_DIRS <dir>...]   roots of imports; first the current source folder, last those of cellmesh and protobuf
#   [PARAMETERS <word>...]  more parameters of protoc-gen-cellmesh
#   [ALSO <file>...])       more files that these parameters make, in <dir>
# Sets <variable>_CLASSES to the .pb.cc files, <variable>_ALL to everything that is generated.
function(cellmesh_generate variable)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "OUTPUT;RUNTIME" "PROTOS;PROTO_DIRS;PARAMETERS;ALSO")
  get_property(shipped GLOBAL PROPERTY CELLMESH_PROTO_DIR)
  set(roots)
  foreach(dir IN LISTS CMAKE_CURRENT_SOURCE_DIR A_PROTO_DIRS shipped Protobuf_INCLUDE_DIRS)
    get_filename_component(dir ${dir} ABSOLUTE)
    list(APPEND roots ${dir})
  endforeach()
  list(REMOVE_DUPLICATES roots)
  list(TRANSFORM roots PREPEND --proto_path= OUTPUT_VARIABLE include_flags)

  if(A_RUNTIME STREQUAL "none")
    set(parameters language=c ${A_PARAMETERS})
  elseif(A_RUNTIME STREQUAL "js")
    set(parameters language=js ${A_PARAMETERS})
  else()
    set(parameters runtime=${A_RUNTIME} ${A_PARAMETERS})
  endif()
  list(JOIN parameters "," parameters)

  set(files)
  set(inputs)
  set(classes)
  set(all)
  foreach(proto IN LISTS A_PROTOS)
    _cellmesh_find_proto(${proto} "${roots}" file name)
    string(REGEX REPLACE "\\.proto$" "" base ${name})
    list(APPEND files ${file})
    list(APPEND inputs ${name})
    if(NOT A_RUNTIME MATCHES "^(none|js)$")
      list(APPEND classes ${A_OUTPUT}/${base}.pb.cc)
      list(APPEND all ${A_OUTPUT}/${base}.pb.h ${A_OUTPUT}/${base}.pb.cc ${A_OUTPUT}/${base}.cellmesh.hpp)
    endif()
  endforeach()
  list(TRANSFORM A_ALSO PREPEND ${A_OUTPUT}/)
  list(APPEND all ${A_ALSO})
  list(JOIN A_PROTOS " " names)
  file(MAKE_DIRECTORY ${A_OUTPUT})
  add_custom_command(
    OUTPUT ${all}
    COMMAND $<TARGET_FILE:protobuf::protoc> --plugin=protoc-gen-cellmesh=$<TARGET_FILE:cellmesh::protoc-gen-cellmesh>
            --cellmesh_out=${parameters}:${A_OUTPUT} ${include_flags} ${inputs}
    DEPENDS ${files} ${shipped}/cellmesh/options.proto $<TARGET_FILE:cellmesh::protoc-gen-cellmesh>
    WORKING_DIRECTORY ${A_OUTPUT}  # without .proto files, so that protoc looks for its inputs below the roots
    COMMENT "Generating code from ${names}"
    VERBATIM)
  if(classes)  # generated code keeps to the rules of protobuf's authors, not to those of whoever builds it
    set_source_files_properties(${classes} PROPERTIES COMPILE_OPTIONS -w)
  endif()
  set(${variable}_CLASSES ${classes} PARENT_SCOPE)
  set(${variable}_ALL ${all} PARENT_SCOPE)
endfunction()

# cellmesh_proto_library(<target> PROTOS <file>... [PROTO_DIRS <dir>...] [RUNTIME lite|full])
# A static library with the classes and traits of .proto files, for a program that is no plugin. RUNTIME is full unless
# said otherwise.
function(cellmesh_proto_library target)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "RUNTIME" "PROTOS;PROTO_DIRS")
  if(A_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "cellmesh_proto_library(${target}): unknown argument ${A_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT A_RUNTIME)
    set(A_RUNTIME full)
  endif()
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}.gen)
  cellmesh_generate(generated OUTPUT ${output} RUNTIME ${A_RUNTIME} PROTOS ${A_PROTOS} PROTO_DIRS ${A_PROTO_DIRS})
  add_library(${target} STATIC ${generated_ALL})
  target_include_directories(${target} SYSTEM PUBLIC ${output})
  if(A_RUNTIME STREQUAL "full")
    target_link_libraries(${target} PUBLIC cellmesh::sdk protobuf::libprotobuf)
  else()
    target_link_libraries(${target} PUBLIC cellmesh::sdk protobuf::libprotobuf-lite)
  endif()
endfunction()

# cellmesh_js(<target> PROTOS <file>... [PROTO_DIRS <dir>...] [OUTPUT <dir>])
# <dir>/<target>.js, an ES module with these messages for a client in a browser or node: the head of the file says how it
# is used. <dir> is the current build folder unless said otherwise; the target's property CELLMESH_JS is the file.
function(cellmesh_js target)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "OUTPUT" "PROTOS;PROTO_DIRS")
  if(A_UNPARSED_ARGUMENTS OR NOT A_PROTOS)
    message(FATAL_ERROR "cellmesh_js(${target}): it takes PROTOS, PROTO_DIRS and OUTPUT, and needs the first; "
                        "got ${ARGN}")
  endif()
  if(NOT A_OUTPUT)
    set(A_OUTPUT ${CMAKE_CURRENT_BINARY_DIR})
  endif()
  cellmesh_generate(generated OUTPUT ${A_OUTPUT} RUNTIME js PROTOS ${A_PROTOS} PROTO_DIRS ${A_PROTO_DIRS}
    PARAMETERS module=${target} ALSO ${target}.js)
  add_custom_target(${target} ALL DEPENDS ${generated_ALL})
  set_target_properties(${target} PROPERTIES CELLMESH_JS ${generated_ALL})
endfunction()

# The path of a .proto and its name below the root that has it, which is what protoc takes.
function(_cellmesh_find_proto proto roots file_variable name_variable)
  set(name ${proto})
  if(IS_ABSOLUTE ${proto})
    foreach(root IN LISTS roots)
      cmake_path(IS_PREFIX root ${proto} NORMALIZE inside)
      if(inside)
        file(RELATIVE_PATH name ${root} ${proto})
        break()
      endif()
    endforeach()
  endif()
  foreach(root IN LISTS roots)
    if(NOT IS_ABSOLUTE ${name} AND EXISTS ${root}/${name})
      set(${file_variable} ${root}/${name} PARENT_SCOPE)
      set(${name_variable} ${name} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  list(JOIN roots "\n  " places)
  message(FATAL_ERROR "${proto} is not in any of the import folders\n  ${places}\n"
                      "Name it as it is imported, or add its folder with PROTO_DIRS.")
endfunction()
