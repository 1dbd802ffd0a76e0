# What `cmake --install` puts into the prefix for authors of plugins.
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/cellmesh)
set(CELLMESH_INSTALL_PROTO_DIR ${CMAKE_INSTALL_DATADIR}/cellmesh/proto)
set(CELLMESH_INSTALL_TESTKIT_DIR ${CMAKE_INSTALL_DATADIR}/cellmesh/testkit)
string(REGEX MATCH "^[0-9]+[.][0-9]+" protobuf_series "${Protobuf_VERSION}")

install(TARGETS cellmesh_abi cellmesh_sdk EXPORT cellmeshTargets FILE_SET HEADERS)
install(TARGETS protoc-gen-cellmesh EXPORT cellmeshTargets RUNTIME)
install(EXPORT cellmeshTargets NAMESPACE cellmesh:: DESTINATION ${package})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/cellmeshConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/cellmeshConfig.cmake
  INSTALL_DESTINATION ${package} PATH_VARS CELLMESH_INSTALL_PROTO_DIR CELLMESH_INSTALL_TESTKIT_DIR)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/cellmeshConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/cellmeshConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/cellmeshConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/CellmeshCodegen.cmake ${CMAKE_CURRENT_LIST_DIR}/CellmeshPlugin.cmake
  ${CMAKE_CURRENT_LIST_DIR}/CellmeshPluginTest.cmake ${CMAKE_CURRENT_LIST_DIR}/CellmeshTestkit.cmake
  DESTINATION ${package})
set(runtime ${CMAKE_CURRENT_LIST_DIR}/plugin)
install(FILES ${runtime}/exports.map ${runtime}/libcxx.cpp ${runtime}/unload.c
  DESTINATION ${package}/plugin)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/testkit/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/testkit/ DESTINATION ${CELLMESH_INSTALL_TESTKIT_DIR}
  FILES_MATCHING PATTERN *.cpp PATTERN *.hpp PATTERN sources.cmake PATTERN include EXCLUDE)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/template DESTINATION ${CMAKE_INSTALL_DATADIR}/cellmesh)

foreach(file agent client echo echo_c game hub login cellmesh/options cellmesh/manifest)
  get_filename_component(folder ${file} DIRECTORY)
  install(FILES ${PROJECT_SOURCE_DIR}/proto/${file}.proto DESTINATION ${CELLMESH_INSTALL_PROTO_DIR}/${folder})
endforeach()
