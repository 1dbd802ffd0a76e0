# Builds rps/ outside the tree against the installed SDK, as another team would:
#   cmake -D BUILD=<build folder> -D WORK=<scratch folder> -D C=<compiler> -D CXX=<compiler> -D GENERATOR=... -D NM=... -P
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD}/sdk --prefix ${WORK}/prefix)
file(COPY ${CMAKE_CURRENT_LIST_DIR}/rps DESTINATION ${WORK})
# The package is found again where it was moved to.
file(RENAME ${WORK}/prefix ${WORK}/moved)
run(${CMAKE_COMMAND} -S ${WORK}/rps -B ${WORK}/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${WORK}/moved
    -DCMAKE_C_COMPILER=${C} -DCMAKE_CXX_COMPILER=${CXX} "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror"
    -DCMAKE_INSTALL_PREFIX=${WORK}/installed)
run(${CMAKE_COMMAND} --build ${WORK}/build)

run(${NM} -D --defined-only ${WORK}/build/plugins/rps.so)
if(NOT output MATCHES "^[0-9a-f]+ [A-Z] cellmesh_plugin\n$")
  message(FATAL_ERROR "rps.so exports more, or less, than cellmesh_plugin:\n${output}")
endif()

file(APPEND ${WORK}/rps/rps.proto "message AddedLaterACK {}\n")
run(${CMAKE_COMMAND} --build ${WORK}/build)
file(READ ${WORK}/build/rps.gen/rps.plugin.hpp generated)
if(NOT generated MATCHES "AddedLaterACK")
  message(FATAL_ERROR "a change of rps.proto was not built")
endif()
run(${CMAKE_COMMAND} --install ${WORK}/build)
file(GLOB_RECURSE installed RELATIVE ${WORK}/installed ${WORK}/installed/*)
if(NOT installed MATCHES "^lib[^;]*/cellmesh/plugins/rps.so$")
  message(FATAL_ERROR "installed: ${installed}")
endif()
file(REMOVE_RECURSE ${WORK})
