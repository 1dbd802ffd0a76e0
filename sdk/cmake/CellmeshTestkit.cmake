# The library cellmesh::testkit from its installed sources, when something links it. Include after finding cellmesh.
include_guard(GLOBAL)
include(${cellmesh_testkit_dir}/sources.cmake)
list(TRANSFORM CELLMESH_TESTKIT_SOURCES PREPEND ${cellmesh_testkit_dir}/)
add_library(cellmesh_testkit STATIC EXCLUDE_FROM_ALL ${CELLMESH_TESTKIT_SOURCES})
add_library(cellmesh::testkit ALIAS cellmesh_testkit)
target_link_libraries(cellmesh_testkit PUBLIC cellmesh::sdk)
# Whoever builds it has rules of their own, and wants it quickly.
target_compile_options(cellmesh_testkit PRIVATE -w -O0 -g1)
set_target_properties(cellmesh_testkit PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
